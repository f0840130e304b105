#!/usr/bin/env bash
# Renew the inventory and the lock of one folder, and propose what moved as a branch of one commit.
#
# usage: refresh.sh FOLDER [INVENTORY]
#
#   FOLDER     holds gitops-doca.yaml; a path from the root of the repository
#   INVENTORY  snapshot in FOLDER to take anew from the live cluster; without it the nodes stay as they are
#
# environment:
#   REFRESH_REMOTE  remote of the repository to fetch from and to push to (origin)
#   REFRESH_BASE    branch that the proposal is for (main)
#   REFRESH_BRANCH  branch of the proposal, which is this script's own: it is made anew from the base each time, and
#                   deleted when there is nothing to propose (gitops-doca/refresh/FOLDER)
#   REFRESH_HOOK    program that opens the pull request: called with branch and base, in the proposed tree, whenever the
#                   branch was pushed
#   REFRESH_CHANGE  program that changes the folder first, and nothing is proposed unless it does: called with FOLDER in
#                   the tree of the base, it prints the title of the proposal and what is to stand below it, or nothing
#
# The working directory is in the repository; its work tree and branches stay as they are. gitops-doca finds the cluster
# and the registries as ever (kubeconfig or service account, GITOPS_DOCA_*), and Git who commits (user.name, user.email,
# or GIT_AUTHOR_NAME and its like).
#
# exit: 0 nothing moved, or all of it is proposed; 1 the hook failed; 2 called wrongly; else the code of the command that
# failed, and nothing was pushed.
set -euo pipefail

fail() {
  echo "refresh.sh: $1" >&2
  exit 2
}

# Run a command that may also end with one of these codes, and leave its code in $status; with any other, so do we.
allow() {
  status=0
  "${@:2}" || status=$?
  [[ " 0 $1 " == *" $status "* ]] || exit "$status"
}

tip_of() { git ls-remote "$remote" "refs/heads/$1" | cut -f1; }

# Replace what the remote has as the branch, unless somebody else did so since we looked.
push() { git push --quiet --force-with-lease="refs/heads/$branch:$1" "$remote" "$2:refs/heads/$branch"; }

[[ $# == [12] && -n $1 ]] || fail "usage: refresh.sh FOLDER [INVENTORY]"
folder=${1%/}
inventory=${2:+$folder/$2}
remote=${REFRESH_REMOTE:-origin}
base=${REFRESH_BASE:-main}
branch=${REFRESH_BRANCH:-gitops-doca/refresh/$folder}
git check-ref-format "refs/heads/$branch" || fail "$branch is no name for a branch: set REFRESH_BRANCH"
[[ $branch != "$base" ]] || fail "REFRESH_BRANCH is the base, $base, which is never written to"
# Now, and not on the first day on which something moved.
for who in GIT_AUTHOR_IDENT GIT_COMMITTER_IDENT; do
  git -c user.useConfigOnly=true var "$who" >/dev/null ||
    fail "Git does not know who commits: set user.name and user.email"
done

top=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
unopened=
clean_up() {
  [[ -z $unopened ]] || push "$unopened" "" || true
  git -C "$top" worktree remove --force "$work/tree" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

# From the base as it is now: an older proposal is no part of the new one, so the two never conflict.
parent=$(tip_of "$base")
[[ -n $parent ]] || fail "$remote has no branch $base"
proposed=$(tip_of "$branch")
git fetch --quiet --no-write-fetch-head "$remote" "refs/heads/$base"
git worktree add --quiet --detach "$work/tree" "$parent"
cd "$work/tree"
[[ -d $folder ]] || fail "there is no folder $folder in $base of $remote"

moved=$work/moved
touch "$moved"
say() { echo "$1" >>"$moved"; }

nothing_moved() {
  echo "$folder: nothing moved"
  # What an older proposal wanted is in the base now, or no longer wanted.
  [[ -z $proposed ]] || push "$proposed" ""
  exit
}

title="Refresh $folder"
if [[ -n ${REFRESH_CHANGE:-} ]]; then
  "$REFRESH_CHANGE" "$folder" >"$work/change"
  [[ -s $work/change ]] || nothing_moved
  title=$(head -n 1 "$work/change")
  tail -n +2 "$work/change" >"$moved"
fi

if [[ -n $inventory && ! -e $inventory ]]; then
  gitops-doca inventory "$folder" --write "$inventory"
  say "The inventory is new."
elif [[ -n $inventory ]]; then
  # 1: nodes moved. 3: the old one cannot be read; if something else is wrong, the next command says so.
  allow "1 3" gitops-doca inventory "$folder" --check "$inventory" >>"$moved"
  [[ $status == 0 ]] || gitops-doca inventory "$folder" --write "$inventory"
  [[ $status != 3 ]] || say "The old inventory could not be read."
fi

# 1: tags or pools moved. 6: there is no lock, or it cannot be read.
allow "1 6" gitops-doca lock "$folder" --check >>"$moved"
[[ $status != 6 ]] || say "The lock is new."
if [[ $status != 0 ]]; then
  # 4: the lock records that an image is missing. That is proposed too: its review shows what has to be published.
  allow 4 gitops-doca lock "$folder"
  [[ $status == 0 ]] || say "An image is missing: the manifests cannot be rendered until it is published."
fi

git add --all --force
! git diff --cached --quiet || nothing_moved

# Dated as its base, so that the same change is the same commit: whoever reviews it is not disturbed every half hour.
date=$(git log -1 --format=%cI)
{
  echo "$title"
  echo
  head -n 100 "$moved"
  (($(wc -l <"$moved") <= 100)) || echo "... and more: see the difference"
} | GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date git commit --quiet --file -
if [[ $(git rev-parse HEAD) == "$proposed" ]]; then
  echo "$folder: what moved is proposed already, as $branch"
  exit
fi
push "$proposed" HEAD
if [[ -n ${REFRESH_HOOK:-} ]]; then
  # A new branch is taken back unless the hook succeeds, so that the next run calls it again. An older proposal was opened
  # before, and is only brought up to date.
  [[ -n $proposed ]] || unopened=$(git rev-parse HEAD)
  "$REFRESH_HOOK" "$branch" "$base" || exit 1
  unopened=
fi
echo "$folder: proposed as $branch"
