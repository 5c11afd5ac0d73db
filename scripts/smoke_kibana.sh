#!/bin/sh
# Tries our objects on a real Kibana. Settings as for iprwatch itself: IPRWATCH_ELASTICSEARCH_*, IPRWATCH_KIBANA_*.
# Uses the demo items, in indices and objects of their own. Ends at the first step that fails.
set -eu
export IPRWATCH_INDEX=elasticsearch IPRWATCH_SPACE=demo
iprwatch doctor || true
iprwatch run --demo
iprwatch kibana install
iprwatch kibana check
iprwatch kibana install
iprwatch kibana check
iprwatch kibana open --print "genetic resources disclosure"
cat <<'TEXT'

Now look, in Kibana:
1. The address above opens Discover with one filter, "Near in meaning: genetic resources disclosure", and finds passages.
2. A click on "more like this" in the column "article" opens others like it.
3. The saved searches "IP theme ..." and the three dashboards "IP policy: ..." show no error and count something.
TEXT
