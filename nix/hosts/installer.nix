# An image to install from: nix build .#nixosConfigurations.installer.config.system.build.isoImage
{ lib, modulesPath, ... }:
{
  imports = [ "${modulesPath}/installer/cd-dvd/installation-cd-minimal.nix" ];
  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
  system.stateVersion = "26.05";
  services.osmoda = {
    enable = true;
    operators = [ "nixos" ];
  };
}
