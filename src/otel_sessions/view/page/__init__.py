"""The pages that a person reads in a browser: templates over the answers of the API, and a small script."""
