using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using IsolatedAgents.Audit;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents audit verify FILE [--head HASH] [--json]</c>.</summary>
internal static class AuditCommand
{
    private const int Good = 0;
    private const int Bad = 1;

    public static Command Create(Terminal terminal) => new("audit", "Works on audit logs.") { Verify(terminal) };

    private static Command Verify(Terminal terminal)
    {
        Argument<string> file = new("FILE") { Description = "The audit log." };
        Option<string?> head = new("--head")
        {
            HelpName = "HASH",
            Description = "The head that the run gave and that was kept elsewhere; without it a missing end cannot be seen.",
            Arity = ArgumentArity.ExactlyOne,
        };
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text." };
        Command command = new(
            "verify",
            "Says whether a log is as it was written, and names the first entry that is not. Exit code 0 for a good and sealed log, 1 for any other, 2 where it cannot be read."
        )
        {
            file,
            head,
            json,
        };
        command.SetAction(
            (parsed, cancellationToken) =>
            {
                string name = parsed.GetRequiredValue(file);
                if (UsageErrors.LooksLikeOption(name))
                {
                    throw UsageErrors.Unexpected(name, command);
                }

                AuditVerification verification = Read(
                    Path.GetFullPath(name, terminal.CurrentDirectory),
                    name,
                    parsed.GetValue(head),
                    cancellationToken
                );
                terminal.Output.WriteLine(
                    parsed.GetValue(json)
                        ? JsonSerializer.Serialize(verification, AuditReportContext.Default.AuditVerification)
                        : $"{verification.Status.ToString().ToLowerInvariant()}: {verification.Message}"
                );
                return Task.FromResult(verification.Status == AuditStatus.Sealed ? Good : Bad);
            }
        );
        return command;
    }

    private static AuditVerification Read(string path, string asGiven, string? head, CancellationToken cancellationToken)
    {
        try
        {
            if (FileIdentity.IsSpecial(path))
            {
                // A pipe or a device may never come to an end.
                throw new IOException("It is not a regular file.");
            }

            using FileStream log = File.OpenRead(path);
            return AuditVerifier.Verify(log, head?.ToLowerInvariant(), cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw UsageErrors.New($"The audit log '{QuotedText.Of(asGiven)}' cannot be read: {failure.Message} Name an existing file.");
        }
    }
}

[JsonSerializable(typeof(AuditVerification))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
internal sealed partial class AuditReportContext : JsonSerializerContext;
