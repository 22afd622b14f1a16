"""The demos in a browser, as a visitor sees them."""
