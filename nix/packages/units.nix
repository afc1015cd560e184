# The units of nix/units with the store's paths in them, so that a new package restarts what runs it.
{
  runCommand,
  coreutils,
  osmoda,
  daemons,
}:
runCommand "osmoda-units" { } ''
  mkdir -p "$out/lib/systemd/system" "$out/lib/tmpfiles.d"
  install -m 644 ${../units/tmpfiles.d}/* "$out/lib/tmpfiles.d/"
  substituteInPlace "$out/lib/tmpfiles.d/osmoda.conf" --replace-fail /usr/lib/osmoda/suite.json "$out/suite.json"
  echo '${builtins.toJSON { inherit daemons; }}' >"$out/suite.json"
  for unit in ${../units}/*; do
    case "$unit" in
      *.service | *.socket | *.timer | *.target) install -m 644 "$unit" "$out/lib/systemd/system/" ;;
    esac
  done
  for unit in "$out"/lib/systemd/system/*.service; do
    substituteInPlace "$unit" --replace-fail /usr/lib/osmoda/ ${osmoda}/lib/osmoda/
    if grep -q =/bin/kill "$unit"; then
      substituteInPlace "$unit" --replace-fail =/bin/kill =${coreutils}/bin/kill
    fi
  done
''
