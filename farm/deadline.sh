#!/bin/bash
# Sends a run to Deadline, one task a part: PARTS=64 farm/deadline.sh
set -eu
PARTS=${PARTS:-64}
deadlinecommand -SubmitCommandLineJob \
    -name "uniser haze" \
    -executable uniser \
    -arguments "haze render --source /shared/photos --variants 24 --seed 7 --out /shared/pairs/haze --shard <STARTFRAME>/$PARTS" \
    -frames "0-$((PARTS - 1))" \
    -chunksize 1
