"""`python -m registry_pipeline` is the same as `registry`."""

from registry_pipeline.cli import main

if __name__ == "__main__":
    main()
