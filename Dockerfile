# One image for every part that is ours: the page, Airflow's services, the commands. docker-compose.yml says which runs what.
FROM python:3.12.12-slim-bookworm

ENV PATH=/opt/iprwatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IPRWATCH_HOME=/var/lib/iprwatch \
    IPRWATCH_CACHE=/var/cache/iprwatch \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/iprwatch/lib/python3.12/site-packages/dags

# 10001: certificates.sh gives this user its key. The folders are there so that a new volume in their place belongs to it.
RUN useradd --uid 10001 --create-home iprwatch \
    && install -d -o iprwatch -g iprwatch /var/lib/iprwatch /var/cache/iprwatch /var/lib/airflow \
        /keys/ingest /keys/page /keys/kibana

# What we depend on changes seldom, so it comes first. requirements.txt pins it; what only tests need is left out.
WORKDIR /build
COPY requirements.txt pyproject.toml ./
RUN pip install --no-cache-dir "$(grep '^uv==' requirements.txt)" \
    && python -m venv /opt/iprwatch \
    && uv pip install --no-cache --python /opt/iprwatch/bin/python --compile-bytecode --torch-backend cpu \
        --constraints requirements.txt -r pyproject.toml

COPY . .
RUN uv pip install --no-cache --python /opt/iprwatch/bin/python --compile-bytecode \
        --no-deps --build-constraints requirements.txt . \
    && test -f "$AIRFLOW__CORE__DAGS_FOLDER/__init__.py"

USER iprwatch
WORKDIR /var/lib/iprwatch

# The model's graph is made and compared with its reference here, so that no start has to.
RUN python -c "from pathlib import Path; from pipelines.embed import load_encoder; load_encoder(cache=Path('$IPRWATCH_CACHE')).encode(['ready'])"

# No HEALTHCHECK: a one-off command has no health, and docker-compose.yml asks each service in its own way.
CMD ["iprwatch", "--help"]
