# shellcheck shell=bash
# Functions that the scripts in this folder share. Source it, do not run it.

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# install_packages PACKAGE...: installs Debian packages when that is possible without asking;
# elsewhere says what is missing and fails. Everything goes to stderr: stdout may be evaluated.
install_packages() {
    if [[ $EUID -ne 0 || ! -e /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
        fail "something is missing; please install (these are Debian's names): $*"
    fi
    local apt_get=(apt-get -q -y -o DPkg::Lock::Timeout=300) package
    {
        for package in "$@"; do
            # Debian would otherwise create a cluster beside the private one, and start it.
            if [[ $package == postgresql && ! -e /etc/postgresql-common/createcluster.conf ]]; then
                mkdir -p /etc/postgresql-common
                echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
            fi
        done
        "${apt_get[@]}" update
        # An answer is needed for the configuration file above: keep what is there.
        DEBIAN_FRONTEND=noninteractive "${apt_get[@]}" -o Dpkg::Options::=--force-confold \
            install --no-install-recommends "$@"
    } >&2 </dev/null
}

# free_port: prints a port of 127.0.0.1 on which nobody listens. It is below the range from which
# the kernel takes ports for clients and for port 0, so that it most likely stays free.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail 'found no free port on 127.0.0.1'
}
