using System.Text.RegularExpressions;

namespace IsolatedAgents.Reports;

/// <summary>A package that was installed before the agent started.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version; null where the request names none.</param>
/// <param name="Sha256">What its file had to hash to, in lower-case hex; null where nothing was demanded.</param>
internal sealed partial record InstalledPackage(string Name, string? Version, string? Sha256)
{
    /// <summary>
    /// Reads a request for a package, as the package managers write it: <c>six==1.16.0 --hash=sha256:…</c>, <c>@scope/name@1.2.3</c>,
    /// <c>Name/1.2.3</c>.
    /// </summary>
    public static InstalledPackage Parse(string request)
    {
        Match hash = HashPattern().Match(request);
        string subject = (hash.Success ? request[..hash.Index] : request).Trim();
        Match match = VersionPattern().Match(subject);
        string? sha256 = hash.Success ? hash.Groups[1].Value.ToLowerInvariant() : null;
        return match.Success
            ? new InstalledPackage(match.Groups[1].Value, match.Groups[2].Value, sha256)
            : new InstalledPackage(subject, null, sha256);
    }

    // The first character may be the mark of a scope, which is no version's.
    [GeneratedRegex(@"^(.[^@=]*?)(?:===?|@|/(?=[0-9]))\s*v?([0-9][^\s,;]*)$", RegexOptions.CultureInvariant)]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"\s--hash[= ]sha256:([0-9A-Fa-f]{64})(?:\s|$)", RegexOptions.CultureInvariant)]
    private static partial Regex HashPattern();
}
