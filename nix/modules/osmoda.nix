# services.osmoda: the suite of nix/units on NixOS. The units' text is nix/units alone; here stands what NixOS wants beside
# it: who wants them (their [Install] is ignored here), PATH, accounts, settings.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkOption types;
  cfg = config.services.osmoda;
  toml = pkgs.formats.toml { };
  daemons = import ./daemons.nix { inherit lib; };
  enabled = lib.filterAttrs (name: _: cfg.${name}.enable) daemons;
  # The sandbox's runner is no daemon: it is agentd's hands for what makes namespaces.
  runners = if cfg.agentd.enable then [ "sandbox" ] else [ ];
  units = pkgs.callPackage ../packages/units.nix {
    inherit runners;
    osmoda = cfg.package;
    daemons = lib.attrNames enabled;
  };
  # What systemd starts for a daemon beside its service: its files in nix/units of this kind.
  others =
    kind:
    lib.filter (name: builtins.pathExists (../units + "/osmoda-${name}.${kind}")) (
      lib.attrNames enabled ++ runners
    );
  wanted =
    kind:
    lib.listToAttrs (
      map (name: lib.nameValuePair "osmoda-${name}" { wantedBy = [ "osmoda.target" ]; }) (others kind)
    );
  settings = toml.generate "osmoda.toml" (lib.mapAttrs (name: _: cfg.${name}.settings) enabled);
  both = lib.intersectLists cfg.operators cfg.agents;
  accounts = map (name: "osmoda-${name}") (
    lib.attrNames (lib.filterAttrs (_: daemon: daemon.account or false) enabled)
  );

  daemonOptions = name: daemon: {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether ${name} runs: ${daemon.about}.";
    };
    settings = mkOption {
      type = types.submodule {
        freeformType = toml.type;
        options = daemon.settings;
      };
      default = { };
      description = "The table `[${name}]` of osmoda.toml. A key that ${name} does not know keeps it from starting, with a line that names it.";
    };
    credentials = mkOption {
      type = types.attrsOf types.externalPath;
      default = { };
      example = {
        "token" = "/run/secrets/token";
      };
      description = "Files with secrets that ${name} gets through LoadCredential, by name. Never paths of the Nix store, which everybody reads.";
    };
    socket = mkOption {
      type = types.str;
      default = "/run/osmoda/${name}.sock";
      readOnly = true;
      description = "Where ${name} listens, for other modules.";
    };
  };
in
{
  options.services.osmoda = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this machine runs osmoda.";
    };
    package = mkOption {
      type = types.package;
      description = "The programs. The flake's module sets it.";
    };
    operators = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = "Accounts that have the last word: members of `osmoda-operator`. Root has it always.";
    };
    agents = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Accounts that MCP clients run as, beside `osmoda-agent`.";
    };
  }
  // lib.mapAttrs daemonOptions daemons;

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = both == [ ];
        message = "services.osmoda: ${lib.concatStringsSep ", " both} can't be operator and agent, for the operator's rights win: take it out of services.osmoda.operators, or give the client an account of its own.";
      }
      {
        assertion = cfg.agentd.enable;
        message = "services.osmoda: without agentd there is no ledger, and without a record no daemon acts: leave services.osmoda.agentd.enable as it is, or set services.osmoda.enable = false.";
      }
    ]
    ++ map (name: {
      assertion = config.users.users.${name}.isNormalUser || config.users.users.${name}.isSystemUser;
      message = "services.osmoda: there is no account ${name}: add users.users.${name}.isNormalUser = true, or take it out of services.osmoda.operators and services.osmoda.agents.";
    }) (cfg.operators ++ cfg.agents);

    environment.systemPackages = [
      cfg.package
      pkgs.bubblewrap
    ];
    environment.etc."osmoda/osmoda.toml".source = settings;

    systemd.packages = [ units ];
    systemd.tmpfiles.packages = [ units ];
    systemd.targets.osmoda.wantedBy = [ "multi-user.target" ];
    systemd.sockets = wanted "socket";
    systemd.timers = wanted "timer";
    systemd.services =
      lib.mapAttrs'
        (
          name: daemon:
          lib.nameValuePair "osmoda-${name}" {
            wantedBy = [ "osmoda.target" ];
            # What commands find: the system's programs, and those that change accounts.
            path = [
              "/run/wrappers"
              "/run/current-system/sw"
            ];
            reloadTriggers = [ settings ];
            serviceConfig = mkIf (daemon.credentials != { }) {
              LoadCredential = lib.mapAttrsToList (id: file: "${id}:${file}") daemon.credentials;
            };
          }
        )
        (
          lib.genAttrs runners (_: {
            credentials = { };
          })
          // lib.mapAttrs (name: _: cfg.${name}) enabled
        );

    # As nix/units/sysusers.d says it for other systems.
    users.groups = lib.genAttrs (
      [
        "osmoda"
        "osmoda-operator"
        "osmoda-agent"
        "osmoda-daemon"
        "osmoda-sandbox"
      ]
      ++ accounts
    ) (_: { });
    users.users = lib.mkMerge [
      {
        osmoda-agent = {
          isSystemUser = true;
          description = "osmoda agents";
          group = "osmoda-agent";
          extraGroups = [ "osmoda" ];
          home = "/var/lib/osmoda-agent";
        };
        osmoda-sandbox = {
          isSystemUser = true;
          description = "osmoda sandboxes";
          group = "osmoda-sandbox";
          extraGroups = [ "osmoda" ];
        };
      }
      (lib.genAttrs accounts (name: {
        isSystemUser = true;
        description = "osmoda ${lib.removePrefix "osmoda-" name}";
        group = name;
        extraGroups = [
          "osmoda"
          "osmoda-daemon"
        ];
      }))
      (lib.genAttrs cfg.operators (_: {
        extraGroups = [
          "osmoda"
          "osmoda-operator"
        ];
      }))
      (lib.genAttrs cfg.agents (_: {
        extraGroups = [
          "osmoda"
          "osmoda-agent"
        ];
      }))
    ];
  };
}
