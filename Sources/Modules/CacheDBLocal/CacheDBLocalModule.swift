import Bytes
package import RouteLanguage
import RouteRuntime

extension ModuleDeclaration {
    /// `cachedb_local`: the store of the core's `cache_store()` and its like.
    package static let cacheDBLocal = ModuleDeclaration(
        "cachedb_local", functions: [FunctionDeclaration("cache_remove_chunk", [.string("glob")])],
        parameters: [
            .integer("cache_table_size", 9).within(0...30),
            .integer("exec_threshold", 0).within(0...Int(Int32.max)),
            .integer("cache_clean_period", 600).within(1...86_400),
            // Of SIPRay's own: room for keys and values, in MiB.
            .integer("cache_size_max", 64).within(1...65_536),
        ])
}

/// `cachedb_local` at work.
enum CacheDBLocalModule {
    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let parameters = environment.parameters
        let cache = LocalCache(
            bytesMax: (parameters.integer("cachedb_local", "cache_size_max") ?? 64) << 20,
            now: { DialogModule.milliseconds() })
        environment.localCache = cache
        if (parameters.integer("cachedb_local", "exec_threshold") ?? 0) > 0 {
            environment.log(.notice, "cachedb_local: exec_threshold is taken and does nothing: no operation waits")
        }
        environment.every(
            milliseconds: (parameters.integer("cachedb_local", "cache_clean_period") ?? 600) * 1000,
            "localcache-expire"
        ) { cache.removeExpired() }
        return ModuleBinding(
            "cachedb_local",
            functions: [
                "cache_remove_chunk": { call in
                    guard let pattern = call.string(0) else { return .no }
                    if cache.removeAll(matching: pattern) { return .yes }
                    call.log(
                        .error, "cache_remove_chunk(): a pattern has at most \(LocalCache.patternBytesMax) bytes")
                    return .no
                }
            ])
    }
}
