# The units of nix/units with the store's paths in them, so that a new package restarts what runs it: those of the daemons that
# are enabled and of their runners, each with its `osmoda-<name>.*`, and `osmoda.*` for all of them.
{
  runCommand,
  coreutils,
  osmoda,
  daemons,
  runners ? [ ],
}:
runCommand "osmoda-units" { } ''
  mkdir -p "$out/lib/systemd/system" "$out/lib/tmpfiles.d"
  for name in osmoda ${toString (map (name: "osmoda-${name}") (daemons ++ runners))}; do
    for file in ${../units}/tmpfiles.d/"$name".*; do
      if [ -e "$file" ]; then install -m 644 "$file" "$out/lib/tmpfiles.d/"; fi
    done
    for file in ${../units}/"$name".*; do
      case "$file" in
        *.service | *.socket | *.timer | *.target) install -m 644 "$file" "$out/lib/systemd/system/" ;;
      esac
    done
  done
  substituteInPlace "$out/lib/tmpfiles.d/osmoda.conf" --replace-fail /usr/lib/osmoda/suite.json "$out/suite.json"
  echo '${builtins.toJSON { inherit daemons; }}' >"$out/suite.json"
  for unit in "$out"/lib/systemd/system/*.service; do
    substituteInPlace "$unit" --replace-fail /usr/lib/osmoda/ ${osmoda}/lib/osmoda/
    if grep -q =/bin/kill "$unit"; then
      substituteInPlace "$unit" --replace-fail =/bin/kill =${coreutils}/bin/kill
    fi
  done
''
