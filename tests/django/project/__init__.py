"""A small Django project for the tests: settings, consumers, a client, and an application with users of its own."""
