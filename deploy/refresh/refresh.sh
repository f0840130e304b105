#!/usr/bin/env bash
# Update the inventory and the lock of one folder, and propose the changes as a branch of one commit.
#
# usage: refresh.sh FOLDER [INVENTORY]
#
#   FOLDER     holds gitops-doca.yaml; a path from the root of the repository
#   INVENTORY  compact inventory in FOLDER to update from the live cluster; without it the nodes stay the same
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
# Needs bash 4.4, Git, flock (util-linux) and common.sh beside it. The working directory is in the repository; its work tree
# and branches stay as they are, and no hook of Git is run. gitops-doca finds the cluster
# and the registries as ever (kubeconfig or service account, GITOPS_DOCA_*), and Git who commits (user.name, user.email,
# or GIT_AUTHOR_NAME and its like).
#
# exit: 0 nothing moved, or all of it is proposed; 1 the hook failed; 2 called wrongly; else the code of the command that
# failed, and nothing was pushed: an older proposal stays.
set -euo pipefail

# shellcheck source=deploy/refresh/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Run a command that may also end with one of these codes, and leave its code in $status; with any other, so do we.
allow() {
  status=0
  "${@:2}" || status=$?
  [[ " 0 $1 " == *" $status "* ]] || exit "$status"
}

# Replace the branch on the remote, unless it was changed in the meantime.
push() { git_remote push --quiet --force-with-lease="refs/heads/$branch:$1" -- "$remote" "$2"; }

# Make the branch this commit. By a pattern: a name alone may be that of refs/heads/refs/heads/..., too, to a push.
offer() {
  git update-ref "refs/worktree/proposal/$branch" "$2"
  push "$1" "refs/worktree/proposal/*:refs/heads/*"
}

# Delete the branch; where the remote does not let us, let it propose nothing.
withdraw() { push "$1" ":refs/heads/$branch" || offer "$1" "$parent"; }

# Add to $below all that a process started, each before what it started itself; none where the system
# does not list them.
descendants_of() {
  local child children=()
  read -ra children 2>/dev/null <"/proc/$1/task/$1/children" || true
  for child in "${children[@]}"; do
    below+=("$child")
    descendants_of "$child"
  done
}

# Send a signal to all that this shell started: a command before what it waits for, or it would go on
# with the next.
signal_below() {
  local below=()
  descendants_of $$
  [[ ${#below[@]} == 0 ]] || kill -s "$1" "${below[@]}" 2>/dev/null || true
}

# A signal ends this shell, but not the command that it waits for, which goes on writing.
stop_children() {
  local below
  signal_below TERM
  for _ in {1..50}; do
    below=()
    descendants_of $$
    [[ ${#below[@]} != 0 ]] || return 0
    sleep 0.1
  done
  signal_below KILL
}

# Remove what runs that were killed left: a work tree of this repository whose run no longer holds its lock.
sweep() {
  local line tree left
  git worktree list --porcelain | while IFS= read -r line; do
    tree=${line#worktree }
    left=${tree%/gitops-doca-refresh}
    [[ $line == "worktree "*/tmp.*/gitops-doca-refresh && ! -L $left ]] || continue
    if [[ -e $left ]]; then
      [[ -O $left && -f $left/lock ]] || continue
      flock --nonblock "$left/lock" rm -rf "$left" || continue
    fi
    git worktree remove --force --force "$tree" || true
  done
}

[[ $# == [12] && -n $1 ]] || fail "usage: refresh.sh FOLDER [INVENTORY]"
folder=${1%/}
inventory=${2:+$folder/$2}
remote=${REFRESH_REMOTE:-origin}
base=${REFRESH_BASE:-main}
branch=${REFRESH_BRANCH:-gitops-doca/refresh/$folder}
git check-ref-format "refs/heads/$base" || fail "$base is no name for a branch: set REFRESH_BASE"
git check-ref-format "refs/heads/$branch" || fail "$branch is no name for a branch: set REFRESH_BRANCH"
[[ $branch != "$base" ]] || fail "REFRESH_BRANCH is the base, $base, which is never written to"
# Now, and not on the first day on which something moved.
for who in GIT_AUTHOR_IDENT GIT_COMMITTER_IDENT; do
  git -c user.useConfigOnly=true var "$who" >/dev/null ||
    fail "Git does not know who commits: set user.name and user.email"
done

# What is printed holds text of the repository, the cluster and registries.
stop_commands
clone=$top
work=
unopened=
clean_up() {
  stop_children
  [[ -z $unopened ]] || withdraw "$unopened" || true
  top=$clone
  if [[ -n $work ]]; then
    git worktree remove --force --force "$work/gitops-doca-refresh" 2>/dev/null || true
    rm -rf "$work"
  fi
  resume_commands
}
trap clean_up EXIT
# Without it bash sometimes ends at an interrupt with exit code 0, or without the cleaning up.
trap 'trap - INT; kill -INT $$' INT

# From the base as it is now: an older proposal is no part of the new one, so the two never conflict.
parent=$(tip_of "$remote" "$base")
[[ -n $parent ]] || fail "$remote has no branch $base"
proposed=$(tip_of "$remote" "$branch")
git_remote fetch --quiet --no-tags --no-recurse-submodules --no-write-fetch-head -- "$remote" "refs/heads/$base"
sweep
work=$(mktemp -d)
# The lock is free when this run has ended, however it ended.
exec {lock}>"$work/lock"
flock "$lock"
# A partial clone fetches what it lacks here.
git_remote worktree add --quiet --detach "$work/gitops-doca-refresh" "$parent"
cd "$work/gitops-doca-refresh"
top=$work/gitops-doca-refresh
[[ -d $folder ]] || fail "there is no folder $folder in $base of $remote"
# Through a link that was committed, what follows would be read and written elsewhere.
[[ $(cd "./$folder" && pwd -P)/ == "$(pwd -P)"/* ]] || fail "the folder $folder in $base of $remote leads out of it"

moved=$work/moved
touch "$moved"
say() { echo "$1" >>"$moved"; }

nothing_moved() {
  echo "$folder: nothing moved"
  # What an older proposal wanted is in the base now, or no longer wanted.
  [[ -z $proposed ]] || withdraw "$proposed"
  exit
}

# Take all files into the index, and print the object that they make.
tree_of_files() {
  git add --all --force && git write-tree
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
  before=$(tree_of_files)
  allow 4 gitops-doca lock "$folder"
  if [[ $status == 4 ]]; then
    # 4 with a lock that was written: it records that an image is missing. That is proposed, too: its review shows what
    # has to be published. 4 without: an image of the wrong platform, or something that `strict` does not allow.
    after=$(tree_of_files)
    [[ $after != "$before" ]] || exit 4
    say "An image is missing: the manifests cannot be rendered until it is published."
  fi
fi

after=$(tree_of_files)
of_base=$(git rev-parse --verify "HEAD^{tree}")
if [[ $after == "$of_base" ]]; then
  [[ $status == 0 ]] || exit "$status"
  nothing_moved
fi

# Dated as its base, so that the same change is the same commit: its reviewers are not notified every half hour.
date=$(git log -1 --format=%cI)
{
  echo "$title"
  echo
  # Indented it is code to GitHub and GitLab, and nothing in it a link or a mention.
  head -n 100 "$moved" | sed 's/^./    &/'
  (($(wc -l <"$moved") <= 100)) || echo "... and more: see the difference"
} | GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date git commit --quiet --file -
if [[ $(git rev-parse HEAD) == "$proposed" ]]; then
  echo "$folder: what moved is proposed already, as $branch"
  exit
fi
offer "$proposed" HEAD
if [[ -n ${REFRESH_HOOK:-} ]]; then
  # A new branch is taken back unless the hook succeeds, so that the next run calls it again. An older proposal was opened
  # before, and is only brought up to date.
  [[ -n $proposed ]] || unopened=$(git rev-parse HEAD)
  # Its own lines may be commands to GitHub's runner.
  resume_commands
  "$REFRESH_HOOK" "$branch" "$base" || exit 1
  unopened=
fi
echo "$folder: proposed as $branch"
