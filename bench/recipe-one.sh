#!/usr/bin/env bash
# The whole recipe this project comes from, as its Makefile does it: build, sign in, tag, push, then what recipe.sh does.
# bash bench/recipe-one.sh CONTEXT REGISTRY REPOSITORY:TAG FUNCTION DISTRIBUTION
set -euo pipefail

docker build --quiet --platform linux/arm64 --provenance=false --tag "$3" "$1" > /dev/null
aws ecr get-login-password | docker login --username AWS --password-stdin "$2" > /dev/null 2>&1
docker tag "$3" "$2/$3"
docker push --quiet "$2/$3" > /dev/null
# shellcheck source-path=SCRIPTDIR source=recipe.sh
source "${BASH_SOURCE[0]%/*}/recipe.sh" "$4" "$2/$3" "$5"
