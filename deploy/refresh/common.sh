# shellcheck shell=bash
# What refresh.sh, open-pull-request.sh and the action's pull-request.sh share: the calls of Git, and
# what they may print into a log of GitHub. To be sourced; it stands in the folder of refresh.sh.

# Print the nearest folder above that has .git: no commit can hold that, but a commit can hold a folder
# that Git would take for a repository.
find_top() {
  local folder
  folder=$(pwd -P)
  until [[ -e $folder/.git ]]; do
    [[ -n $folder ]] || return 1
    folder=${folder%/*}
  done
  echo "${folder:-/}"
}

# Call Git for the repository whose work tree has the top $top. Nothing in it starts a program, no object
# stands for another one, and nothing is fetched.
git() { GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL='' git_remote -c protocol.allow=never "$@"; }

# The same, where the remote is asked: with the protocols and the login that Git is configured with.
git_remote() {
  command git --no-pager --no-replace-objects \
    -c safe.bareRepository=explicit -c core.fsmonitor=false -c core.hooksPath=/dev/null \
    --git-dir="$top/.git" --work-tree="$top" "$@"
}

# Print the commit of a branch of a remote, or nothing. Git would also answer with x/refs/heads/main.
tip_of() {
  git_remote ls-remote -- "$1" "refs/heads/$2" | while read -r commit name; do
    [[ $name != "refs/heads/$2" ]] || echo "$commit"
  done
}

# Print a line on stderr, and end as called wrongly.
fail() {
  echo "${0##*/}: $1" >&2
  exit 2
}

# GitHub's runner takes lines of a log, of either stream, for commands to it: not those from here on.
stop_commands() {
  [[ ${GITHUB_ACTIONS:-} == true ]] || return 0
  exec 2>&1
  stop_token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$stop_token"
}

resume_commands() {
  [[ -z ${stop_token:-} ]] || echo "::$stop_token::"
  stop_token=
}

unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY \
  GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_PREFIX GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE \
  GIT_GRAFT_FILE GIT_EXTERNAL_DIFF GIT_ATTR_SOURCE
export GIT_TERMINAL_PROMPT=0
top=$(find_top) || fail "$PWD is in no Git repository"
# Git checks the owner of a repository only where it finds it itself; it looks no further up than here.
GIT_CEILING_DIRECTORIES=$(dirname "$top") command git -c safe.bareRepository=explicit -C "$top" rev-parse --git-dir >/dev/null
