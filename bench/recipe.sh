#!/usr/bin/env bash
# The recipe this project comes from, as its Makefile does it: update and publish, look every 5 s, clear everything.
# bash bench/recipe.sh FUNCTION IMAGE DISTRIBUTION
set -euo pipefail

aws lambda update-function-code --function-name "$1" --image-uri "$2" --publish > /dev/null
while [ "$(aws lambda get-function --function-name "$1" --query Configuration.LastUpdateStatus --output text)" = InProgress ]; do
  sleep 5
done
aws cloudfront create-invalidation --distribution-id "$3" --paths '/*' > /dev/null
