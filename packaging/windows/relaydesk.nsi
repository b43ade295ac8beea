; The installer for one user: no administrator, nothing outside of the user's own folders and registry.
;
; packaging/package_windows.py makes the lists of files that are included here, and gives: VERSION, VERSION4, OUT, STAGE, LISTS, ICON.
;
; Without questions: setup.exe /S [/D=FOLDER, last and without quotes]
;     /SHORTCUT=0     no entry in the start menu
;     /LINKS=0        relaydesk: links are left to others
;     /LOGIN=1        starts at login, in the tray
; Uninstaller: uninstall.exe /S [/REMOVE_SETTINGS=1]
; Exit codes: 0 done; 1 cancelled; 2 it could not be done; 3 RelayDesk is running, and did not end when it was asked to.

Unicode true
!ifndef UPSTREAM_NSIS ; Debian's makes a 64-bit installer by this; nsis.org's has 32 bits, which runs as well
    Target amd64-unicode
!endif

!include "MUI2.nsh"
!include "FileFunc.nsh"
!include "LogicLib.nsh"

!define NAME "RelayDesk"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\RelayDesk"
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define CLASS "Software\Classes\relaydesk"

Name "${NAME}"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\RelayDesk"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
SetCompressor /SOLID lzma
ShowInstDetails nevershow
ShowUninstDetails nevershow
VIProductVersion "${VERSION4}"
VIAddVersionKey /LANG=0 "ProductName" "${NAME}"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileDescription" "${NAME} setup"
VIAddVersionKey /LANG=0 "CompanyName" "The RelayDesk authors"
VIAddVersionKey /LANG=0 "LegalCopyright" "Apache-2.0"

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\relaydeskw.exe"
!insertmacro MUI_PAGE_LICENSE "${LICENSE}"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"

LangString PROGRAM ${LANG_ENGLISH} "RelayDesk"
LangString PROGRAM ${LANG_GERMAN} "RelayDesk"
LangString SHORTCUT ${LANG_ENGLISH} "Entry in the start menu"
LangString SHORTCUT ${LANG_GERMAN} "Eintrag im Startmenü"
LangString LINKS ${LANG_ENGLISH} "Open relaydesk: links"
LangString LINKS ${LANG_GERMAN} "relaydesk:-Links öffnen"
LangString LOGIN ${LANG_ENGLISH} "Start at login, in the tray"
LangString LOGIN ${LANG_GERMAN} "Bei der Anmeldung starten, im Infobereich"
LangString RUNNING ${LANG_ENGLISH} "RelayDesk is running and did not end. Quit it from its icon, then try again."
LangString RUNNING ${LANG_GERMAN} "RelayDesk läuft und hat sich nicht beendet. Beenden Sie es über sein Symbol und versuchen Sie es noch einmal."
LangString SETTINGS ${LANG_ENGLISH} "Remove your settings and this computer's gateway, too?$\n$\nThey are in $LOCALAPPDATA\relaydesk. Keys in the system's Credential Manager stay."
LangString SETTINGS ${LANG_GERMAN} "Auch Ihre Einstellungen und das Gateway dieses Rechners entfernen?$\n$\nSie liegen in $LOCALAPPDATA\relaydesk. Schlüssel in der Anmeldeinformationsverwaltung bleiben."

Var Option

; Ask a desktop that runs from here to end, and see whether its program can be replaced.
!macro END_DESKTOP UN
Function ${UN}EndDesktop
    ${If} ${FileExists} "$INSTDIR\relaydesk.exe"
        nsExec::Exec /TIMEOUT=20000 '"$INSTDIR\relaydesk.exe" quit'
        Pop $0
        ; what runs cannot be written to
        StrCpy $1 0
        ${Do}
            ClearErrors
            FileOpen $0 "$INSTDIR\relaydesk.exe" a
            ${IfNot} ${Errors}
                FileClose $0
                ClearErrors
                FileOpen $0 "$INSTDIR\relaydeskw.exe" a
                ${IfNot} ${Errors}
                    FileClose $0
                    Return
                ${EndIf}
            ${EndIf}
            IntOp $1 $1 + 1
            Sleep 250
        ${LoopUntil} $1 > 40
        MessageBox MB_OK|MB_ICONSTOP "$(RUNNING)" /SD IDOK
        SetErrorLevel 3
        Quit
    ${EndIf}
FunctionEnd
!macroend
!insertmacro END_DESKTOP ""
!insertmacro END_DESKTOP "un."

Section "$(PROGRAM)" SEC_PROGRAM
    SectionIn RO
    Call EndDesktop
    ; what an older version has and this one has not
    ${If} ${FileExists} "$INSTDIR\uninstall.exe"
        ExecWait '"$INSTDIR\uninstall.exe" /S /UPGRADE=1 _?=$INSTDIR' $0
        ${If} $0 <> 0
            SetErrorLevel 2
            Abort
        ${EndIf}
        Delete "$INSTDIR\uninstall.exe"
    ${EndIf}
    ClearErrors
    !include "${LISTS}\install.nsh"
    ${If} ${Errors}
        SetErrorLevel 2
        Abort
    ${EndIf}
    SetOutPath "$INSTDIR"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
    WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\relaydeskw.exe"
    WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The RelayDesk authors"
    WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${KIBIBYTES}
    WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
    WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section "$(SHORTCUT)" SEC_SHORTCUT
    CreateShortcut "$SMPROGRAMS\RelayDesk.lnk" "$INSTDIR\relaydeskw.exe"
SectionEnd

; The same as the page of settings writes (relaydesk/links.py, relaydesk/autostart.py), so that it shows what is so.
Section "$(LINKS)" SEC_LINKS
    WriteRegStr HKCU "${CLASS}" "" "URL:RelayDesk"
    WriteRegStr HKCU "${CLASS}" "URL Protocol" ""
    WriteRegStr HKCU "${CLASS}\shell\open\command" "" '"$INSTDIR\relaydeskw.exe" "%1"'
SectionEnd

Section /o "$(LOGIN)" SEC_LOGIN
    WriteRegStr HKCU "${RUN}" "RelayDesk" '"$INSTDIR\relaydeskw.exe" "--hidden"'
SectionEnd

!macro CHOOSE OPTION SECTION
    ClearErrors
    ${GetOptions} $Option "${OPTION}=" $0
    ${IfNot} ${Errors}
        ${If} $0 == 0
            !insertmacro UnselectSection ${SECTION}
        ${Else}
            !insertmacro SelectSection ${SECTION}
        ${EndIf}
    ${EndIf}
!macroend

Function .onInit
    ${GetParameters} $Option
    ; an upgrade leaves links and login as they are, unless it is told otherwise
    ${If} ${FileExists} "$INSTDIR\uninstall.exe"
        !insertmacro UnselectSection ${SEC_LINKS}
    ${EndIf}
    !insertmacro CHOOSE "/SHORTCUT" ${SEC_SHORTCUT}
    !insertmacro CHOOSE "/LINKS" ${SEC_LINKS}
    !insertmacro CHOOSE "/LOGIN" ${SEC_LOGIN}
FunctionEnd

Section "Uninstall"
    Call un.EndDesktop
    ${GetParameters} $Option
    !include "${LISTS}\uninstall.nsh"
    ClearErrors
    ${GetOptions} $Option "/UPGRADE=" $0
    ${IfNot} ${Errors} ; a newer version goes on from here
        Return
    ${EndIf}
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR" ; only where nothing else is in it
    Delete "$SMPROGRAMS\RelayDesk.lnk"
    DeleteRegKey HKCU "${UNINSTALL}"
    ; another copy may have taken these over
    ReadRegStr $0 HKCU "${CLASS}\shell\open\command" ""
    ${If} $0 == '"$INSTDIR\relaydeskw.exe" "%1"'
        DeleteRegKey HKCU "${CLASS}"
    ${EndIf}
    ReadRegStr $0 HKCU "${RUN}" "RelayDesk"
    StrLen $1 '"$INSTDIR\relaydeskw.exe"'
    StrCpy $0 $0 $1
    ${If} $0 == '"$INSTDIR\relaydeskw.exe"'
        DeleteRegValue HKCU "${RUN}" "RelayDesk"
    ${EndIf}
    ClearErrors
    ${GetOptions} $Option "/REMOVE_SETTINGS=" $0
    ${If} ${Errors}
        MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 "$(SETTINGS)" /SD IDNO IDYES remove
        Return
    ${ElseIf} $0 != 1
        Return
    ${EndIf}
    remove:
    RMDir /r "$LOCALAPPDATA\relaydesk" ; the program's own folder, wherever it was installed
SectionEnd
