# The units of nix/units with the store's paths in them, so that a new package restarts what runs it.
{
  runCommand,
  coreutils,
  osmoda,
}:
runCommand "osmoda-units" { } ''
  mkdir -p "$out/lib/systemd/system" "$out/lib/tmpfiles.d"
  cp ${../units/tmpfiles.d}/* "$out/lib/tmpfiles.d/"
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
