"""The pages: one module a noun, Jinja2 templates, no rules."""
