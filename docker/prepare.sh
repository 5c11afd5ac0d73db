#!/bin/sh
# Brings both schemas up to date, gives Airflow its pool and password, and in demo space a mail channel and a digest that uses it. Repeatable.
set -eu
iprwatch migrate
airflow db migrate
airflow pools set visits 3 "Visits of offices at once"
umask 077
printf '{"admin": "%s"}\n' "$AIRFLOW_PASSWORD" >"$AIRFLOW_HOME/passwords.json"
if [ "$IPRWATCH_SPACE" = demo ] && [ ! -e "$IPRWATCH_HOME/demo/channels.yaml" ]; then
    cp -R "$(dirname "$0")/demo/." "$IPRWATCH_HOME/demo"
fi
