#!/usr/bin/env bash
# REFRESH_HOOK for GitHub: open a pull request for the branch, or bring the open one up to date; needs gh and GH_TOKEN.
#
# usage: open-pull-request.sh BRANCH BASE
set -euo pipefail

# shellcheck source=deploy/refresh/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

title=$(git log -1 --format=%s)
body=$(git log -1 --format=%b)
# A fork may have a branch of the same name: its pull request is not ours.
open=$(gh pr list --head "$1" --base "$2" --state open --limit 1000 --json number,isCrossRepository \
  --jq '.[] | select(.isCrossRepository | not) | .number')
if [[ -n $open ]]; then
  # Not `gh pr edit`, which also reads projects: the token of a workflow may not.
  gh api --silent --method PATCH "repos/{owner}/{repo}/pulls/$open" -f "title=$title" -f "body=$body"
else
  gh pr create --head "$1" --base "$2" --title "$title" --body "$body"
fi
