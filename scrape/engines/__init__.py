"""One file an engine: TOML where the search happens in the browser, Python where there is an API."""
