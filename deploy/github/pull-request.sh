#!/usr/bin/env bash
# What the action (action.yml) does in a pull request: check the images, check the lock, show what the change does.
#
# environment:
#   FOLDER      holds gitops-doca.yaml; a path from the root of the repository, the working directory
#   BASE        revision to show the change against; empty: none. `origin/NAME` is the branch of origin,
#               whatever else has that name; it is fetched where it is not there
#   CHECK_LOCK  true: ask the registry whether what the lock says still holds
#
# All of them run, whatever the others find. gitops-doca finds registries and credentials as ever (GITOPS_DOCA_*).
#
# exit: 0 all is well, and there may be a difference; 2 called wrongly; else the code of the first command that failed.
set -euo pipefail

# shellcheck source=deploy/refresh/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../refresh/common.sh"
# What is printed holds text of the repository and of registries.
stop_commands
trap resume_commands EXIT

[[ -d ${FOLDER:-} ]] || fail "the input folder names none: ${FOLDER:-it is empty}"
case ${CHECK_LOCK:-} in true | false) ;; *) fail "the input check-lock is neither true nor false" ;; esac

results=$RUNNER_TEMP/gitops-doca
mkdir -p "$results"
failed=0

# Run a command that may also end with the code $1, with its output in $2, and leave its code in $status; the first of any
# other is ours.
attempt() {
  status=0
  "${@:3}" >"$results/$2" || status=$?
  cat "$results/$2"
  [[ $status == 0 || $status == "$1" || $failed != 0 ]] || failed=$status
}

tell() { echo "$1" >>"$GITHUB_OUTPUT"; }

attempt 0 check.md gitops-doca check -o markdown -- "$FOLDER"
tell "check=$results/check.md"

if [[ $CHECK_LOCK == true ]]; then
  attempt 0 lock.txt gitops-doca lock --check -- "$FOLDER"
fi

if [[ -n ${BASE:-} ]]; then
  revision=$BASE
  # A checkout has the one commit alone. Nothing is fetched into a clone that has the branch: that would make it shallow.
  if [[ $BASE == origin/* ]]; then
    branch=${BASE#origin/}
    revision=refs/remotes/$BASE
    git check-ref-format "refs/heads/$branch" || fail "there is no revision $BASE here"
    if ! git show-ref --verify --quiet "$revision"; then
      tip=$(tip_of origin "$branch")
      [[ -n $tip ]] || fail "there is no revision $BASE here, and origin has no branch $branch"
      git_remote fetch --quiet --no-tags --no-recurse-submodules --depth=1 origin "+refs/heads/$branch:$revision"
    fi
  fi
  git rev-parse --verify --quiet "$revision^{commit}" >/dev/null || fail "there is no revision $BASE here"
  attempt 1 diff.md gitops-doca diff -o markdown -- "$revision" "$FOLDER"
  # Of a strict config the difference is printed also when it is an error: a pool would compile.
  if [[ $status == [01] || -s $results/diff.md ]]; then
    tell "diff=$results/diff.md"
    tell "changed=$([[ $status == 0 ]] && echo false || echo true)"
  fi
fi
exit "$failed"
