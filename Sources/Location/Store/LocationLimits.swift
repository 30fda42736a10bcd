/// Bounds of the location store. Each is reported by name when it is reached.
package struct LocationLimits: Sendable {
    /// Most addresses of record in one domain.
    package var addressesMax = 4_000_000
    /// Most bindings of one address, whatever the script allows.
    package var bindingsPerAddressMax = 1_000
    /// Most Contacts of one REGISTER.
    package var contactsPerRequestMax = 100
    /// Most values attached to one address by `ul_add_key`.
    package var valuesPerAddressMax = 64

    package init() {}
}
