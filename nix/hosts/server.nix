# A server with osmoda and a way in: the least that a machine needs beside its own hardware's file.
{ lib, ... }:
{
  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
  networking.hostName = lib.mkDefault "osmoda";
  system.stateVersion = "26.05";

  boot.loader.grub.device = lib.mkDefault "/dev/vda";
  fileSystems."/" = lib.mkDefault {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };

  services.osmoda = {
    enable = true;
    operators = [ "operator" ];
  };
  users.users.operator = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
  };
  services.openssh = {
    enable = true;
    settings.PasswordAuthentication = false;
  };
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
}
