"""Database migrations, numbered."""
