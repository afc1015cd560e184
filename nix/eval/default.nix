# The module evaluated without nixpkgs: what it makes of some values of services.osmoda.
{
  values ? {
    enable = true;
  },
  accounts ? [ ],
}:
let
  lib = import ./lib.nix;
  pkgs = {
    formats.toml = _: {
      type = { };
      generate = _: value: { inherit value; };
    };
    coreutils = "/store/coreutils";
    runCommand =
      _: _: script:
      script;
    callPackage = file: given: import file (given // { inherit (pkgs) runCommand coreutils; });
  };
  config = {
    services.osmoda = lib.fill "services.osmoda" module.options.services.osmoda (
      { package = "/store/osmoda"; } // values
    );
    users.users = lib.genAttrs ((values.operators or [ ]) ++ (values.agents or [ ])) (name: {
      isNormalUser = lib.elem name accounts;
      isSystemUser = false;
    });
  };
  module = import ../modules/osmoda.nix { inherit config lib pkgs; };
  made = module.config;
in
{
  options = lib.describe "services.osmoda" module.options.services.osmoda;
  refusals = map (each: each.message) (lib.filter (each: !each.assertion) made.assertions);
  toml = made.environment.etc."osmoda/osmoda.toml".source.value;
  units = builtins.head made.systemd.packages;
  tmpfiles = made.systemd.tmpfiles.packages == made.systemd.packages;
  # By the units' whole names.
  wanted = lib.listToAttrs (
    lib.concatMap
      (
        kind:
        lib.mapAttrsToList (
          name: unit: lib.nameValuePair "${name}.${kind}" unit.wantedBy
        ) made.systemd."${kind}s"
      )
      [
        "service"
        "socket"
        "target"
        "timer"
      ]
  );
  inherit (made.systemd) services;
  groups = lib.attrNames made.users.groups;
  users = made.users.users;
}
