"""The Django app that holds every table."""

from __future__ import annotations

from django.apps import AppConfig


class VrabecConfig(AppConfig):
    """Label "vrabec": tables are named vrabec_<noun>."""

    name = "vrabec.models"
    label = "vrabec"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        """Django looks for a module called models; ours are one file a noun."""
        from vrabec.models import all_models

        super().import_models()
        self.models_module = all_models
