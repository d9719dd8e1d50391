#!/bin/sh
# Installs what the console's tests need of Debian, whichever is missing: Chromium with its driver, npm, and a font with
# Chinese, Japanese and Korean, so that pictures of demo data show names and no boxes.
set -eu

missing=
command -v chromium >/dev/null || missing="$missing chromium"
command -v chromedriver >/dev/null || missing="$missing chromium-driver"
command -v npm >/dev/null || missing="$missing npm"
[ -n "$(ls /usr/share/fonts/truetype/droid 2>/dev/null)" ] || missing="$missing fonts-droid-fallback"
[ -n "$missing" ] || exit 0

apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
