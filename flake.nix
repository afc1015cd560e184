{
  description = "osmoda: the on-machine half of an AI-native operating system";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    crane.url = "github:ipetkov/crane";
  };

  outputs =
    {
      self,
      nixpkgs,
      crane,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      perSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      build = pkgs: pkgs.callPackage ./nix/packages/osmoda.nix { craneLib = crane.mkLib pkgs; };
      # Each file of a folder, by its name without `.nix`.
      filesOf =
        folder:
        lib.mapAttrs' (file: _: lib.nameValuePair (lib.removeSuffix ".nix" file) (folder + "/${file}")) (
          lib.filterAttrs (file: _: lib.hasSuffix ".nix" file) (builtins.readDir folder)
        );
      # The package is set here and not by an overlay, which a test's machines could not take.
      module =
        { lib, pkgs, ... }:
        {
          imports = [ ./nix/modules/osmoda.nix ];
          services.osmoda.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        };
    in
    {
      packages = perSystem (pkgs: rec {
        osmoda = build pkgs;
        default = osmoda;
      });
      overlays.default = final: _: { osmoda = build final; };
      nixosModules.default = module;
      nixosConfigurations = lib.mapAttrs (
        _: host:
        lib.nixosSystem {
          modules = [
            module
            host
          ];
        }
      ) (filesOf ./nix/hosts);
      checks = perSystem (
        pkgs:
        {
          package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        }
        // lib.mapAttrs (_: test: pkgs.testers.runNixOSTest (import test { inherit module; })) (
          filesOf ./nix/tests
        )
      );
      devShells = perSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.cargo
            pkgs.clippy
            pkgs.rustc
            pkgs.rustfmt
            pkgs.python3
            pkgs.shellcheck
          ];
        };
      });
      formatter = perSystem (pkgs: pkgs.nixfmt);
    };
}
