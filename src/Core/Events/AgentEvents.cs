using System.Diagnostics.CodeAnalysis;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>One of the two streams that an agent writes to.</summary>
[SuppressMessage(
    "Naming",
    "CA1711",
    Justification = "It is what the system calls standard streams; no one takes an enumeration for a System.IO.Stream."
)]
public enum OutputStream
{
    /// <summary>Standard output.</summary>
    Standard,

    /// <summary>Standard error.</summary>
    Error,
}

/// <summary>The agent is started.</summary>
/// <param name="Command">Its command line.</param>
public sealed record AgentStarting(string Command) : TelemetryEvent(EventCatalog.AgentStarting)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Command, Command);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Command = masker.Mask(Command) };
}

/// <summary>A line that the agent wrote.</summary>
/// <param name="Stream">Where it wrote it.</param>
/// <param name="Line">The line, without its end.</param>
/// <param name="Cut">Whether the line was too long and goes on in the next event.</param>
public sealed record AgentOutput(OutputStream Stream, string Line, bool Cut) : TelemetryEvent(EventCatalog.AgentOutput)
{
    /// <inheritdoc/>
    public override string Body => Line;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Word(DetailNames.Stream, Stream == OutputStream.Error ? "stderr" : "stdout");
        visitor.Text(DetailNames.Line, Line);
        visitor.Flag(DetailNames.Cut, Cut);
    }

    internal override TelemetryEvent Mask(SecretMasker masker)
    {
        string masked = masker.Mask(Line);
        return ReferenceEquals(masked, Line) ? this : this with { Line = masked };
    }
}

/// <summary>The agent ended with exit code 0.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Duration">How long it ran.</param>
/// <param name="Status"><c>Success</c>.</param>
public sealed record AgentCompleted(int ExitCode, TimeSpan Duration, string Status) : TelemetryEvent(EventCatalog.AgentCompleted)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.ExitCode, ExitCode);
        visitor.Duration(DetailNames.Duration, Duration);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>The agent ended with another exit code than 0, or by a signal.</summary>
/// <param name="ExitCode">Its exit code; null where a signal ended it.</param>
/// <param name="Signal">The signal that ended it: <c>SIGSEGV</c>.</param>
/// <param name="Duration">How long it ran.</param>
/// <param name="Status"><c>Failed</c>, <c>Killed</c> …</param>
public sealed record AgentFailed(int? ExitCode, string? Signal, TimeSpan Duration, string Status) : TelemetryEvent(EventCatalog.AgentFailed)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Number(DetailNames.ExitCode, ExitCode);
        visitor.Text(DetailNames.Signal, Signal);
        visitor.Duration(DetailNames.Duration, Duration);
        visitor.Word(DetailNames.Status, Status);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this;
}

/// <summary>A process of the agent was started.</summary>
/// <param name="CommandLine">Its command line.</param>
/// <param name="Pid">Its id inside the sandbox; of several, that of the first.</param>
/// <param name="Count">How many with this command line within a second.</param>
public sealed record ProcessStarted(string CommandLine, int Pid, int Count = 1) : TelemetryEvent(EventCatalog.ProcessStarted)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.Running, CommandLine);
        visitor.Number(DetailNames.Pid, Pid);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { CommandLine = masker.Mask(CommandLine) };
}
