using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using IsolatedAgents.Sandbox.Tests.CommandLine;

namespace IsolatedAgents.Sandbox.Tests.RemoteEngine;

/// <summary>
/// A real ssh server on a loopback port, with host key, user key and known hosts of one test's own, and an ssh client that knows of these
/// and of nothing else.
/// </summary>
internal sealed class SshServer : IDisposable
{
    private const string Program = "/usr/sbin/sshd";
    private const string Required = "IA_REQUIRE_SSH";

    private readonly string _folder;
    private Process? _server;

    private SshServer(string folder, int port)
    {
        _folder = folder;
        Port = port;
    }

    public int Port { get; }

    /// <summary>Where an engine behind it is.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"ssh://root@127.0.0.1:{Port}");

    /// <summary>What is to stand first in the path of programs: the real client, with this test's configuration.</summary>
    public string ClientFolder => Path.Combine(_folder, "bin");

    public static async Task<SshServer> StartAsync(CommandLineHost host, CancellationToken cancellationToken)
    {
        if (!File.Exists(Program) && Environment.GetEnvironmentVariable(Required) != "1")
        {
            Assert.Inconclusive(
                $"'{Program}' is missing; build/setup.sh --for-tests installs it, and with {Required}=1 this is a failure."
            );
        }

        SshServer server = new(Path.Combine(host.Root, "ssh"), FreePort());
        try
        {
            await server.StartAsync(cancellationToken);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Has the client use another key, which the server does not know.</summary>
    public async Task ForgetKeyAsync(CancellationToken cancellationToken)
    {
        File.Delete(Path.Combine(_folder, "user"));
        await CreateKeyAsync("user", cancellationToken);
    }

    /// <summary>Has the client expect another server.</summary>
    public async Task ForgetServerAsync(CancellationToken cancellationToken)
    {
        await CreateKeyAsync("other", cancellationToken);
        WriteKnownHosts("other");
    }

    /// <summary>The command lines of the clients that live.</summary>
    public string[] Clients() =>
        [
            .. Directory
                .GetDirectories("/proc")
                .Select(process => Path.Combine(process, "cmdline"))
                .Select(ReadOrNothing)
                .Select(line => line.Replace('\0', ' '))
                .Where(line => line.Contains($"{_folder}/config", StringComparison.Ordinal)),
        ];

    /// <summary>Ends it, and every connection through it.</summary>
    public void Dispose()
    {
        if (_server is { HasExited: false })
        {
            _server.Kill(entireProcessTree: true);
            _server.WaitForExit();
        }
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(ClientFolder);
        // Where the server parts with its rights.
        Directory.CreateDirectory("/run/sshd");
        await CreateKeyAsync("host", cancellationToken);
        await CreateKeyAsync("user", cancellationToken);
        File.Copy(Path.Combine(_folder, "user.pub"), Path.Combine(_folder, "authorized"));
        WriteKnownHosts("host");
        Write(
            "sshd_config",
            $"""
            Port {Port}
            ListenAddress 127.0.0.1
            HostKey {_folder}/host
            AuthorizedKeysFile {_folder}/authorized
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            PidFile none
            """
        );
        Write(
            "config",
            $"""
            IdentityFile {_folder}/user
            IdentitiesOnly yes
            UserKnownHostsFile {_folder}/known_hosts
            GlobalKnownHostsFile none
            StrictHostKeyChecking yes
            """
        );
        string client = Write("bin/ssh", $"#!/bin/sh\nexec /usr/bin/ssh -F {_folder}/config \"$@\"\n");
        File.SetUnixFileMode(client, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        ProcessStartInfo start = new(Program, ["-D", "-e", "-f", Path.Combine(_folder, "sshd_config")]) { RedirectStandardError = true };
        _server = Process.Start(start)!;
        string said = "";
        while (await _server.StandardError.ReadLineAsync(cancellationToken) is { } line)
        {
            said += line + "\n";
            if (line.StartsWith("Server listening", StringComparison.Ordinal))
            {
                _ = _server.StandardError.ReadToEndAsync(CancellationToken.None);
                return;
            }
        }

        Assert.Fail(said);
    }

    private Task CreateKeyAsync(string name, CancellationToken cancellationToken) =>
        HostProgram.RunAsync(
            "ssh-keygen",
            ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", Path.Combine(_folder, name)],
            cancellationToken
        );

    private void WriteKnownHosts(string key) =>
        Write(
            "known_hosts",
            string.Create(CultureInfo.InvariantCulture, $"[127.0.0.1]:{Port} {File.ReadAllText(Path.Combine(_folder, $"{key}.pub"))}")
        );

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string ReadOrNothing(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // No process, or one that has ended.
            return "";
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
