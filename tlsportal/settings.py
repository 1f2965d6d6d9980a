"""All settings in one file; every one is read from an environment variable named TLSPORTAL_*.

Each variable can be given as TLSPORTAL_*_FILE too: then its value is read from that file (for secrets). An empty one is
taken as not set: docker-compose.yml hands on all of them.
TLSPORTAL_ENV says who is responsible for the surroundings:
    embedded     `python3 manage.py up`: SQLite, private broker and secret key live in the data directory
    production   nothing is invented: secret key, address, database and broker must be named
"""

import logging
import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from tlsportal import logging as portal_logging
from tlsportal.environment import text as _text
from tlsportal.environment import whole_number as _whole_number
from tlsportal.environment import words as _words

env = environ.FileAwareEnv()


def _in_production(name: str, what: str) -> str:
    """Return TLSPORTAL_*name*; in production it must be set, else it may be empty."""
    text = _text(name)
    if PRODUCTION and not text:
        raise ImproperlyConfigured(
            f"TLSPORTAL_{name} is missing: in production it must name {what}. Set it, or TLSPORTAL_{name}_FILE."
        )
    return text


def _kept_secret_key(path: Path) -> str:
    """Return the secret key kept in *path*; make it once, readable by its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(64))
            try:
                os.link(draft, path)  # the first of several starting children wins, and no child reads half a key
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as cause:
        raise ImproperlyConfigured(
            f"data directory {path.parent}: {cause.strerror}. Name a writable one in TLSPORTAL_DATA_DIR."
        ) from cause


BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(_text("DATA_DIR", str(BASE_DIR / "data"))).resolve()
ENVIRONMENT = _text("ENV", "embedded")
if ENVIRONMENT not in {"embedded", "production"}:
    raise ImproperlyConfigured(f"TLSPORTAL_ENV: {ENVIRONMENT!r} is neither embedded nor production.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False  # a page of settings and local variables is never shown to a visitor; tests need none either

# --- who we are ---------------------------------------------------------------------------------------------------
SECRET_KEY = _in_production("SECRET_KEY", "a random text of 50 characters or more") or _kept_secret_key(
    DATA_DIR / "secret_key"
)
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("TLSPORTAL_SECRET_KEY is shorter than 50 characters: take a longer random text.")
SECRET_KEY_FALLBACKS = _words("SECRET_KEY_FALLBACKS")
PORTAL_URL = (_in_production("URL", "the address that people type") or "http://127.0.0.1:8000").rstrip("/")
_address = urlsplit(PORTAL_URL)
if _address.scheme not in {"http", "https"} or not _address.hostname or _address.path:
    raise ImproperlyConfigured(f"TLSPORTAL_URL: {PORTAL_URL!r} is not like https://portal.example.com")
HTTPS = _address.scheme == "https"
_own_name = f"[{_address.hostname}]" if ":" in _address.hostname else _address.hostname
_loopback = [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = [_own_name, *_loopback, *_words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
if "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("TLSPORTAL_ALLOWED_HOSTS: '*' would let anybody choose the links in our mails.")

ROOT_URLCONF = "tlsportal.urls"
WSGI_APPLICATION = "tlsportal.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",  # no autodiscover: only what partners.admin shows, read-only
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # its widget templates, so that templates/django/forms can dress them
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_cotton",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "partners",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "tlsportal.middleware.PageGzipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # before all that may refuse: it is on refusals too
    "tlsportal.middleware.SecretLinkMiddleware",
    "tlsportal.middleware.BodyLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "tlsportal.middleware.MethodMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tlsportal.middleware.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,  # django-cotton replaces this by its own loader and the two usual ones
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "partners.web.navigation.shell",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
COTTON_ISOLATE_BY_DEFAULT = True  # a component reads what it was given, never a variable of the page by accident

# --- what is kept -------------------------------------------------------------------------------------------------
# No ATOMIC_REQUESTS: in SQLite each atomic block takes the write lock at once (IMMEDIATE), even for a read.
_database_url = _in_production("DATABASE_URL", "the database, postgresql://user@name/database") or _text("DATABASE_URL")
if not PRODUCTION:
    _database_url = _database_url or str(env.str("DATABASE_URL", default=""))
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(_database_url or f"sqlite:///{DATA_DIR}/db.sqlite3")
}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # DEFERRED fails at once with "database is locked" when it turns into a write
        "timeout": 10,
        # FULL, as a release that was confirmed must survive a power cut.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000;",
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Sign-in limits are counted here; in the database, so that they hold over several web processes and a restart.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "tlsportal_cache",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},  # a cull drops live counters too; 300, the default, is soon reached
    }
}

BROKER_URL = _in_production("BROKER_URL", "the broker, redis://name:6379/0") or f"redis+socket://{DATA_DIR}/broker.sock"
if urlsplit(BROKER_URL).scheme not in {"redis", "rediss", "redis+socket"}:
    raise ImproperlyConfigured("TLSPORTAL_BROKER_URL must begin with redis://, rediss:// or redis+socket://")

# --- who may come in ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "partners.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "partners.web.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an account is born by invitation alone
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody can make the portal write to a stranger
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "tlsportal"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Browsers allow passkeys without https on localhost alone, for trying the portal out.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
# The number of proxies in front that append to X-Forwarded-For. Without one, that header is a stranger's text.
ALLAUTH_TRUSTED_PROXY_COUNT = _whole_number("PROXY_COUNT", 0, least=0, most=5)
if ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- what a browser is told ---------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "tlsportal_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^metrics$"]  # asked by the container's own health check, without the proxy
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "manifest-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
    }
}
BODY_MAX_BYTES = _whole_number("BODY_MAX_BYTES", 1024 * 1024, least=64 * 1024, most=64 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_MAX_BYTES  # a request body without files
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]  # an upload never touches a disk
FILE_UPLOAD_MAX_MEMORY_SIZE = BODY_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 10

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static" if not PRODUCTION else Path(_text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # the portal keeps no uploaded file
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- language and time --------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = _text("TIME_ZONE", "UTC")
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "partners" / "locale"]
FORMAT_MODULE_PATH = ["tlsportal.formats"]

# --- mail -----------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = SERVER_EMAIL = _text("MAIL_FROM") or f"tlsportal@{_address.hostname}"
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
MAIL_CONFIGURED = bool(_text("MAIL_RELAY"))  # without a relay, links are shown to the approver instead of mailed
EMAIL_HOST = _text("MAIL_RELAY", "127.0.0.1")
EMAIL_PORT = _whole_number("MAIL_RELAY_PORT", 25, least=1, most=65535)
EMAIL_HOST_USER = _text("MAIL_USER")
EMAIL_HOST_PASSWORD = _text("MAIL_PASSWORD")
_mail_stays_here = EMAIL_HOST in {"localhost", "127.0.0.1", "::1"}
# Links open accounts: beyond this machine they travel over TLS with a verified certificate unless told otherwise.
_mail_tls = _text("MAIL_TLS") or ("none" if _mail_stays_here else "starttls")
if _mail_tls not in {"none", "starttls", "implicit"}:
    raise ImproperlyConfigured(f"TLSPORTAL_MAIL_TLS: {_mail_tls!r} is neither none nor starttls nor implicit.")
if EMAIL_HOST_PASSWORD and _mail_tls == "none" and not _mail_stays_here:
    raise ImproperlyConfigured("TLSPORTAL_MAIL_TLS: with none, TLSPORTAL_MAIL_PASSWORD would travel in the clear.")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail_tls == "starttls", _mail_tls == "implicit"
EMAIL_TIMEOUT = 10

# --- probing (read by tasks and commands; checked by partners.probe) ---------------------------------------------
PROBE_NETWORKS = _words("PROBE_NETWORKS")  # CIDR; beside all globally routable addresses
PROBE_PORTS = _words("PROBE_PORTS")  # numbers and ranges; beside 25, 465 and 587
PROBE_PORT_MAP = _words("PROBE_PORT_MAP")  # demo only: "address:port=address:port"
PROBE_EHLO = _text("PROBE_EHLO")  # the name in EHLO; empty: the host's own
PROBE_SOURCE = _text("PROBE_SOURCE")  # the address connections come from; empty: the system's choice
PROBE_CLIENT_CERT = _text("PROBE_CLIENT_CERT")  # PEM files, as smtp_tls_cert_file and smtp_tls_key_file
PROBE_CLIENT_KEY = _text("PROBE_CLIENT_KEY")
PROBE_SLOTS = _whole_number("PROBE_SLOTS", 200, least=1, most=5000)  # sessions at once of one worker
PROBE_SLOW_SLOTS = _whole_number("PROBE_SLOW_SLOTS", 20, least=1, most=1000)  # of its slow lane, beside those
PROBE_PAUSE_SECONDS = _whole_number("PROBE_PAUSE", 5, least=0, most=3600)  # between two visits to one address
PROBE_PROVIDER_RATE = _whole_number("PROBE_PROVIDER_RATE", 20, least=0, most=1000)  # visits a second; 0: no limit
KEEP_DAYS = _whole_number("KEEP_DAYS", 400, least=30, most=36500)  # history of what was seen and judged
RESOLVER = _text("RESOLVER")  # "address:port" of a validating resolver; empty: /etc/resolv.conf

# --- alerts and the watch on the watch (read by partners.notify and partners.reports.watch) ----------------------
NOTICE_NETWORKS = _words("NOTICE_NETWORKS")  # CIDR that webhooks may reach; beside all globally routable addresses
NOTICE_PORTS = _words("NOTICE_PORTS")  # ports that webhooks may use; beside 443 and 8443
NOTICE_CA = _text("NOTICE_CA")  # PEM file of the CAs that webhooks' certificates come from; empty: the system's
HEARTBEAT_URL = _text("HEARTBEAT_URL")  # asked after each cycle, so that somebody outside misses a dead worker
CYCLE_LATE_MINUTES = _whole_number("CYCLE_LATE_MINUTES", 15, least=0, most=1440)  # 0: nobody watches the watch
METRICS_TOKEN = _text("METRICS_TOKEN")  # for /metrics beyond this machine
SYSLOG = _text("SYSLOG")  # audit entries and alerts go there too: udp://192.0.2.1:514 or unix:///dev/log

# --- log ------------------------------------------------------------------------------------------------------------
LOGGING = portal_logging.logging_config(level=_text("LOG_LEVEL", "INFO"), syslog=SYSLOG)
portal_logging.configure()
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line per outcome: the answer
