#!/bin/sh
# Makes two databases with an owner each, and a reader of the ledger. Run once by the PostgreSQL image, on an empty data folder.
set -eu
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U postgres -d postgres \
    -v ledger="$LEDGER_PASSWORD" -v reader="$LEDGER_READER_PASSWORD" -v airflow="$AIRFLOW_DATABASE_PASSWORD" <<'SQL'
create role iprwatch login password :'ledger';
create role iprwatch_reader login password :'reader';
create role airflow login password :'airflow';
create database iprwatch owner iprwatch;
create database airflow owner airflow;
revoke connect, temporary on database iprwatch, airflow from public;
grant connect on database iprwatch to iprwatch_reader;
\connect iprwatch
alter default privileges for role iprwatch grant select on tables to iprwatch_reader;
SQL
