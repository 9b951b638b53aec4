"""Puts the receiver, the store, the API and the pages together: what ``otel-sessions view`` runs."""
