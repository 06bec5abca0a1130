"""Django's settings, made from the configuration file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from vrabec.config.files import SEAL_KEY, config_path, database_settings, read_config
from vrabec.lib.logs import handler

CONFIG = read_config(config_path())
DATA_DIR = Path(CONFIG.data_dir)


def _secret_key() -> str:
    """The key that signs sessions; `vrabecd migrate` makes the file."""
    path = DATA_DIR / "secret.key"
    return path.read_text().strip() if path.exists() else ""


SECRET_KEY = _secret_key() or "not-yet-made"
DEBUG = False
ALLOWED_HOSTS = [*CONFIG.names, *filter(None, [urlsplit(CONFIG.public_url).hostname])]
ROOT_URLCONF = "vrabec.config.urls"
WSGI_APPLICATION = None
DATABASES = {"default": database_settings(CONFIG)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False  # until there is a catalogue: looking for texts in none takes a tenth of a page's time

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",  # its table is empty, but old databases have had its migrations
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "vrabec.models.apps.VrabecConfig",
]
MIDDLEWARE = [
    "vrabec.config.middleware.SecurityHeaders",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [Path(__file__).parent.parent / "frontends" / "web" / "templates"],
        "OPTIONS": {
            "environment": "vrabec.frontends.web.jinja.environment",
            "context_processors": ["vrabec.frontends.web.jinja.context"],
        },
    }
]
AUTH_USER_MODEL = "vrabec.User"
PASSWORD_HASHERS = [
    "vrabec.config.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",  # of before: hashed anew at the next sign-in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if CONFIG.ldap_url:
    from vrabec.config import directory

    globals().update(directory.settings(CONFIG))
    AUTHENTICATION_BACKENDS.append("vrabec.config.directory_backend.Directory")
LOGIN_URL = "/sign-in"
SESSION_ENGINE = "vrabec.services.session_store"
SESSION_COOKIE_NAME = "vrabec_session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_FAILURE_VIEW = "vrabec.frontends.web.errors.csrf_failure"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = False
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [Path(__file__).parent.parent / "frontends" / "web" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "vrabec.frontends.web.assets.AssetStorage"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"()": handler, "stream": sys.stderr, "environment": os.environ}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}},
}

VRABEC_CONFIG = CONFIG
VRABEC_RUN_DIR = CONFIG.run_dir
VRABEC_TEMPLATES_DIR = DATA_DIR / "templates"
VRABEC_HISTORY_DIR = DATA_DIR / "history"
VRABEC_SSH_DIR = DATA_DIR / "ssh"
VRABEC_PKI_DIR = DATA_DIR / "pki"
VRABEC_SEAL_KEY = DATA_DIR / SEAL_KEY
VRABEC_IMAGES_DIR = CONFIG.images_dir
VRABEC_REQUIRE_SECOND_FACTOR = frozenset(CONFIG.require_second_factor)
VRABEC_LOOK_AGAIN_SECONDS = 25.0
"""After a lost connection an undo is done again this much later: libvirt's keep-alive limit is 20 s."""
