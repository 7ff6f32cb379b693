using IsolatedAgents.Policies;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The agent touched a file that the policy does not allow.</summary>
/// <param name="Path">Path in the sandbox.</param>
/// <param name="Reason">Why it is forbidden.</param>
/// <param name="Action">What was done about it.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Process">The program that tried.</param>
/// <param name="Count">How many times within a second.</param>
/// <param name="Expected">Whether the policy expects it: then it is told, and no error.</param>
public sealed record ViolationFilesystem(
    string Path,
    string Reason,
    string Action,
    string? Rule = null,
    string? Process = null,
    int Count = 1,
    bool Expected = false
) : TelemetryEvent(EventCatalog.ViolationFilesystem)
{
    /// <summary>
    /// The entry that expects it: <c>expected_violations</c> of the policy, or an entry of the built-in list, <c>builtin:NAME@VERSION</c>;
    /// null where nothing does.
    /// </summary>
    public string? ExpectedBy { get; init; }

    /// <inheritdoc/>
    public override TelemetryLevel Level =>
        !Expected ? Descriptor.Level
        : IsBuiltIn ? TelemetryLevel.Debug
        : TelemetryLevel.Info;

    /// <summary>Whether the built-in list of expected probes explains it.</summary>
    internal bool IsBuiltIn => ExpectedBy is not null && ExpectedBy != ExpectedViolation.Key;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Path, Path);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Action, Action);
        visitor.Text(DetailNames.Rule, Rule);
        visitor.Text(DetailNames.Process, Process);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
        visitor.Text(DetailNames.ExpectedBy, ExpectedBy);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Path = masker.Mask(Path),
            Reason = masker.Mask(Reason),
            Process = masker.Mask(Process),
            ExpectedBy = masker.Mask(ExpectedBy),
        };
}

/// <summary>The agent tried to reach what the policy does not allow.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Port; 0 where unknown.</param>
/// <param name="Reason">Why it is forbidden.</param>
/// <param name="Action">What was done about it.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Process">The program that tried.</param>
/// <param name="Count">How many times within a second.</param>
/// <param name="Expected">Whether the policy expects it: then it is told, and no error.</param>
public sealed record ViolationNetwork(
    string Host,
    int Port,
    string Reason,
    string Action,
    string? Rule = null,
    string? Process = null,
    int Count = 1,
    bool Expected = false
) : TelemetryEvent(EventCatalog.ViolationNetwork)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => Expected ? TelemetryLevel.Info : Descriptor.Level;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Endpoint(DetailNames.Destination, Host, Port);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Action, Action);
        visitor.Text(DetailNames.Rule, Rule);
        visitor.Text(DetailNames.Process, Process);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Host = masker.Mask(Host),
            Reason = masker.Mask(Reason),
            Process = masker.Mask(Process),
        };
}

/// <summary>The agent made a system call that is never allowed.</summary>
/// <param name="Call">The call, with its arguments where they matter.</param>
/// <param name="Reason">Why it is forbidden.</param>
/// <param name="Action">What was done about it.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Process">The program that tried.</param>
/// <param name="Count">How many times within a second.</param>
/// <param name="Expected">Whether the policy expects it: then it is told, and no error.</param>
public sealed record ViolationProcess(
    string Call,
    string Reason,
    string Action,
    string? Rule = null,
    string? Process = null,
    int Count = 1,
    bool Expected = false
) : TelemetryEvent(EventCatalog.ViolationProcess)
{
    /// <summary>
    /// The entry that expects it: <c>expected_violations</c> of the policy, or an entry of the built-in list, <c>builtin:NAME@VERSION</c>;
    /// null where nothing does.
    /// </summary>
    public string? ExpectedBy { get; init; }

    /// <inheritdoc/>
    public override TelemetryLevel Level =>
        !Expected ? Descriptor.Level
        : IsBuiltIn ? TelemetryLevel.Debug
        : TelemetryLevel.Info;

    /// <summary>Whether the built-in list of expected probes explains it.</summary>
    internal bool IsBuiltIn => ExpectedBy is not null && ExpectedBy != ExpectedViolation.Key;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Call, Call);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Action, Action);
        visitor.Text(DetailNames.Rule, Rule);
        visitor.Text(DetailNames.Process, Process);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
        visitor.Text(DetailNames.ExpectedBy, ExpectedBy);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Call = masker.Mask(Call),
            Reason = masker.Mask(Reason),
            Process = masker.Mask(Process),
            ExpectedBy = masker.Mask(ExpectedBy),
        };
}

/// <summary>An entry of the output folder was rejected.</summary>
/// <param name="File">Path below the output folder.</param>
/// <param name="Reason">Why.</param>
/// <param name="Action">What was done about it.</param>
/// <param name="Rule">The policy key that decided.</param>
/// <param name="Expected">Whether the policy expects it: then it is told, and no error.</param>
public sealed record ViolationOutput(string File, string Reason, string Action, string? Rule = null, bool Expected = false)
    : TelemetryEvent(EventCatalog.ViolationOutput)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => Expected ? TelemetryLevel.Info : Descriptor.Level;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.File, File);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Action, Action);
        visitor.Text(DetailNames.Rule, Rule);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { File = masker.Mask(File), Reason = masker.Mask(Reason) };
}
