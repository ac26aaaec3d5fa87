"""Whether a contract file is what the Open Data Contract Standard's own JSON schema says."""

import json
from functools import cache
from importlib.resources import files

from jsonschema import Draft201909Validator
from jsonschema.exceptions import best_match

from registry_pipeline.errors import ContractError
from registry_pipeline.yaml_source import YamlSource


@cache
def _validator() -> Draft201909Validator:
    schema = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(schema))


def check_standard(yaml: YamlSource) -> None:
    """Check a contract against the official JSON schema.

    Raises:
        ContractError: If it does not fit, naming the line.
    """
    error = best_match(_validator().iter_errors(yaml.data))
    if error is not None:
        where = tuple(error.absolute_path)
        name = ".".join(str(part) for part in where) or "the contract"
        raise ContractError(
            f"{name} does not fit the Open Data Contract Standard ({error.validator}).",
            remedy="Write it as the standard says.",
            file=yaml.file,
            line=yaml.line(where),
        )
