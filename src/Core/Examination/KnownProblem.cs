using System.Buffers;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Examination;

/// <summary>A version of a part of an engine that lets a sandbox be left, or hangs.</summary>
/// <param name="Part">The part, as the engine names it.</param>
/// <param name="FixedIn">The first version without the problem.</param>
/// <param name="Problem">The problem and where it is described.</param>
internal sealed record KnownProblem(string Part, Version FixedIn, string Problem)
{
    /// <summary>
    /// Problems of a container that is set up as ours are, from the security advisories of opencontainers/runc. A distribution may have
    /// mended an older version.
    /// </summary>
    public static IReadOnlyList<KnownProblem> All { get; } =
    [
        new("runc", new Version(1, 1, 12), "CVE-2024-21626: a leaked descriptor lets a container reach the host's files"),
        new(
            "runc",
            new Version(1, 2, 8),
            "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: races while mounts are made let a container write to the host's /proc"
        ),
    ];

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>The problems that the parts of an engine have by their version.</summary>
    public static IEnumerable<(EnginePart Part, KnownProblem Problem)> Of(IEnumerable<EnginePart> parts) =>
        from part in parts
        from problem in All
        where
            part.Name.Equals(problem.Part, StringComparison.OrdinalIgnoreCase)
            && Numbers(part.Version) is { } version
            && version < problem.FixedIn
        select (part, problem);

    // "1.1.5+ds1-1+deb12u1", "v1.7.0-rc.1": what a distribution appends does not count.
    internal static Version? Numbers(string version)
    {
        string text = version.TrimStart('v');
        int end = text.AsSpan().IndexOfAnyExcept(Digits);
        return Version.TryParse(end < 0 ? text : text[..end], out Version? numbers) ? numbers : null;
    }
}
