# The image of web, workers and beat; docker-compose.yml says which of them a container is.
FROM debian:13-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /srv/tlsportal --create-home tlsportal
WORKDIR /srv/tlsportal
COPY requirements.lock ./
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY . .
ENV PATH=/srv/tlsportal/.venv/bin:$PATH TLSPORTAL_NO_VENV=1 TLSPORTAL_ENV=production PYTHONUNBUFFERED=1 \
    TLSPORTAL_STATIC_ROOT=/srv/tlsportal/staticfiles DJANGO_SETTINGS_MODULE=tlsportal.settings
RUN install -d -o tlsportal /srv/tlsportal/staticfiles
USER tlsportal
