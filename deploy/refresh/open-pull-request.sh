#!/usr/bin/env bash
# REFRESH_HOOK for GitHub: open a pull request for the branch, or bring the open one up to date; needs gh and GH_TOKEN.
#
# usage: open-pull-request.sh BRANCH BASE
set -euo pipefail

title=$(git log -1 --format=%s)
body=$(git log -1 --format=%b)
open=$(gh pr list --head "$1" --base "$2" --state open --json number --jq '.[].number')
if [[ -n $open ]]; then
  # Not `gh pr edit`, which also reads projects: the token of a workflow may not.
  gh api --silent --method PATCH "repos/{owner}/{repo}/pulls/$open" -f "title=$title" -f "body=$body"
else
  gh pr create --head "$1" --base "$2" --title "$title" --body "$body"
fi
