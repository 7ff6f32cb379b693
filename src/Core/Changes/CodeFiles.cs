using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes;

/// <summary>
/// Files that tools of a developer, of a build or of a CI system run, or take programs to run from, without being asked to for each: who writes one of them runs code on the machine
/// of whoever opens, builds or checks out the workspace. A list can never be whole; what is not on it is shown in the patch all the same.
/// </summary>
internal static class CodeFiles
{
    private const string Git = ".git";

    // What git itself keeps there, and runs nothing of.
    private static readonly PathGlobs GitData = new(
        ["objects", "refs", "logs", "index", "HEAD", "ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "COMMIT_EDITMSG", "packed-refs", "shallow"], isLoose: false);

    private static readonly PathGlobs Files = new(
        [
            // Git and what hooks into it.
            ".gitmodules", ".githooks", ".husky", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml", "lefthook.y*ml", ".lefthook.y*ml", ".lefthook", ".overcommit.yml", ".lintstagedrc*",
            // MSBuild and NuGet.
            "Directory.Build.*", "Directory.Packages.props", "Directory.Solution.*", "*.csproj", "*.fsproj", "*.vbproj", "*.vcxproj", "*.sqlproj", "*.proj", "*.props", "*.targets", "*.tasks",
            "*.csproj.user", "*.rsp", "*.sln", "*.slnx", "*.slnf", "before.*.sln.targets", "nuget.config", "global.json", ".config/dotnet-tools.json", "*.runsettings", "*.csx", "*.tt",
            // CI systems.
            ".github", ".gitlab-ci*.y*ml", ".gitlab", "azure-pipelines*.y*ml", ".azure-pipelines", ".azuredevops", ".circleci", "Jenkinsfile*", ".travis.y*ml", "appveyor.y*ml", ".appveyor.y*ml",
            "bitbucket-pipelines.y*ml", ".drone.y*ml", ".woodpecker*", "buildspec.y*ml", ".buildkite", ".teamcity", "cloudbuild.y*ml", ".cirrus.y*ml", "action.y*ml", "renovate.json*", ".renovaterc*",
            // Editors and what they open.
            ".vscode", ".vs", ".idea", "*.code-workspace", ".devcontainer", ".devcontainer.json", ".zed", ".fleet", ".nvim.lua", ".nvimrc", ".vimrc", ".exrc", ".dir-locals.el", "*.sublime-project",
            // Agents and their tools.
            ".mcp.json", "mcp.json", ".claude", ".cursor", ".codex", ".gemini", ".windsurf", ".continue", ".aider*", ".roo", ".kiro",
            // Make and its kin.
            "Makefile", "Makefile.*", "GNUmakefile", "*.mk", "CMakeLists.txt", "*.cmake", "CMakePresets.json", "CMakeUserPresets.json", "meson.build", "*.ninja", "justfile", ".justfile", "Taskfile*.y*ml",
            "SConstruct", "BUILD", "BUILD.bazel", "WORKSPACE", "WORKSPACE.bazel", "MODULE.bazel", "*.bzl", ".bazelrc", "Earthfile",
            // Node.
            "package.json", ".npmrc", ".yarnrc*", ".yarn", ".pnp.*", ".pnpmfile.cjs", "pnpm-workspace.yaml", "binding.gyp", "Gruntfile*", "Gulpfile*", "*.config.js", "*.config.cjs", "*.config.mjs", "*.config.ts",
            "*.config.mts", "*.config.cts", ".*rc.js", ".*rc.cjs", ".*rc.mjs", "deno.json*", "bunfig.toml", "turbo.json", "nx.json",
            // Python.
            "setup.py", "setup.cfg", "pyproject.toml", "conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "tox.ini", "noxfile.py", "pytest.ini", "tasks.py", "pip.conf",
            // Other languages.
            "build.rs", "Cargo.toml", ".cargo", "rust-toolchain*", "*.gradle", "*.gradle.kts", "gradlew*", "gradle.properties", "gradle", "pom.xml", "mvnw*", ".mvn", "build.xml", "build.sbt", "Rakefile", "Gemfile",
            "*.gemspec", "composer.json", "mix.exs", "Package.swift", "Podfile", "go.work", "magefile.go",
            // Shells and environments.
            ".envrc", ".env", ".tool-versions", ".mise.toml", "mise.toml", ".mise", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".autoenv*", "flake.nix", "shell.nix", "default.nix",
            "Dockerfile*", "Containerfile*", "docker-compose*.y*ml", "compose*.y*ml", "Vagrantfile", "Procfile", "autorun.inf", "desktop.ini", "*.desktop",
        ],
        isLoose: true);

    private static readonly PathGlobs GitFolder = new([Git], isLoose: true);

    /// <summary>Whether a file of that path below the workspace is one of them.</summary>
    /// <param name="path">With forward slashes.</param>
    /// <param name="isThere">Whether a file is there, in the workspace or among the changes.</param>
    public static bool Contain(string path, Predicate<string> isThere)
    {
        string[] names = path.Split('/');
        int git = Array.FindIndex(names, GitFolder.Covers);
        if (git >= 0)
        {
            // The folder's own files, and no others of the same name deeper in it. A file of that name points to a folder elsewhere.
            return git == names.Length - 1 || names[git] != Git || !IsGitData(names.AsSpan(git + 1));
        }

        // Any folder with these two is a repository to git, and its configuration names programs.
        return Files.Covers(path) || (names[^1] is "config" && isThere(path[..^"config".Length] + "HEAD")) || (names[^1] is "HEAD" && isThere(path[..^"HEAD".Length] + "config"));
    }

    private static bool IsGitData(ReadOnlySpan<string> names) => GitData.Covers(names[0]);
}
