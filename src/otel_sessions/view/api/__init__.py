"""What is shown to programs and browsers? `/api/…` as JSON, and the pages.

Comes in: requests. Goes out: what the store answers, as JSON that is documented by OpenAPI, or as a page.
"""
