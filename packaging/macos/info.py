"""Info.plist of RelayDesk.app: what macOS knows of the program before it runs. build.spec hands it to PyInstaller's BUNDLE."""

from typing import Any

from facts import APPLICATION_ID, NAME

#: What Qt 6.11 runs on, and PySide6's wheels are built for: <https://doc.qt.io/qt-6.11/macos.html>.
OLDEST_MACOS = "13.0"

#: The languages of resources/translations, and the one of the source.
LANGUAGES = ("en", "de")


def info_plist(version: str) -> dict[str, Any]:
    """The keys beside those that PyInstaller writes itself (executable, icon, type)."""
    return {
        "CFBundleIdentifier": APPLICATION_ID,
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "CFBundleDevelopmentRegion": LANGUAGES[0],
        "CFBundleLocalizations": list(LANGUAGES),
        "CFBundleURLTypes": [
            {
                "CFBundleURLName": APPLICATION_ID,
                "CFBundleURLSchemes": ["relaydesk"],
                "CFBundleTypeRole": "Viewer",
            }
        ],
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "LSMinimumSystemVersion": OLDEST_MACOS,
        # One program is window and command line, so it is frozen with a console, and PyInstaller takes that for a program
        # without any window.
        "LSBackgroundOnly": False,
        # A Dock icon as long as it runs, with a window or without. An agent (LSUIElement) has no menu bar, is not found with
        # Cmd-Tab and opens its windows behind others; and where a notch hides the icons of the menu bar, the Dock is the only
        # way back to the window.
        "LSUIElement": False,
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "Apache License 2.0",
        # Asked since macOS 15; without a text, addresses of the local network are refused without a question.
        "NSLocalNetworkUsageDescription": (
            "RelayDesk reaches services and gateways on your local network, if you share or use such ones."
        ),
        "NSPrincipalClass": "NSApplication",
    }
