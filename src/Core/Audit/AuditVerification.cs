namespace IsolatedAgents.Audit;

/// <summary>The state of an audit log, as a verification found it.</summary>
public enum AuditStatus
{
    /// <summary>There is no entry in it.</summary>
    Empty,

    /// <summary>Every entry is as it was written, and the last run was sealed.</summary>
    Sealed,

    /// <summary>Every entry is as it was written; the last run was broken off before its seal.</summary>
    Unsealed,

    /// <summary>An entry was changed, added, taken out or moved.</summary>
    Tampered,

    /// <summary>
    /// The entries are as they were written, but the head that was kept elsewhere is not among them: the end is missing, or all of it was
    /// replaced.
    /// </summary>
    Cut,
}

/// <summary>The outcome of <see cref="AuditVerifier"/>.</summary>
/// <param name="Status">What the log turned out to be.</param>
/// <param name="Entries">Entries found good, before the first bad one.</param>
/// <param name="Line">The first bad line, from 1; 0 where there is none.</param>
/// <param name="Head">The hash of the last good entry; null where there is none.</param>
/// <param name="Message">One sentence for a person.</param>
/// <param name="IsTorn">Whether the last line has no end, as after a crash.</param>
public sealed record AuditVerification(AuditStatus Status, long Entries, long Line, string? Head, string Message, bool IsTorn = false);
