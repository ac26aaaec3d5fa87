"""Charts as shapes: coordinates in, no styling, no HTML. Colours and fonts are the page's (`style.css`)."""
