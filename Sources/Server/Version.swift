/// SIPRay's version, as `sipray --version`, `core:version` and `Server:` say it.
package let serverVersion = "0.1.0"
