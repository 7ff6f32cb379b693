using IsolatedAgents.Protocol;

namespace IsolatedAgents.Changes;

/// <summary>
/// Files that tools of a developer, of a build or of a CI system run, or take programs to run from, without being asked to for each: who writes one of them runs code on the machine
/// of whoever opens, builds or checks out the workspace. A list can never be whole; what is not on it is shown in the patch all the same.
/// </summary>
internal static class CodeFiles
{
    private const string Patterns = ".gitignore";

    private static readonly PathGlobs PatternNames = new([Patterns, "gitign~*"], isLoose: true);

    private static readonly PathGlobs Files = new(
        [
            // Git, what hooks into it, and what hides changes from a review (-diff, linguist-generated).
            ".gitmodules", ".gitattributes", ".lfsconfig", ".githooks", ".husky", ".pre-commit-config.yaml", ".pre-commit-hooks.yaml", "lefthook.y*ml", ".lefthook.y*ml", ".lefthook", ".overcommit.yml", ".lintstagedrc*",
            // MSBuild and NuGet.
            "Directory.Build.*", "Directory.Packages.props", "Directory.Solution.*", "*.*proj", "*.proj", "*.projitems", "*.pubxml", "*.user", "*.nuspec", "*.ruleset", ".globalconfig", "*.globalconfig", "*.props", "*.targets", "*.tasks",
            "*.rsp", "*.sln", "*.slnx", "*.slnf", "before.*.sln.targets", "nuget.config", "global.json", ".config/dotnet-tools.json", "dotnet-tools.json", "*.runsettings", "*.csx", "*.tt", "launchSettings.json", "omnisharp.json",
            // CI systems.
            ".github", ".gitlab-ci*.y*ml", ".gitlab", "azure-pipelines*.y*ml", ".azure-pipelines", ".azuredevops", ".circleci", "Jenkinsfile*", ".travis.y*ml", "appveyor.y*ml", ".appveyor.y*ml",
            "bitbucket-pipelines.y*ml", ".drone.y*ml", ".woodpecker*", "buildspec.y*ml", ".buildkite", ".teamcity", "cloudbuild.y*ml", ".cirrus.y*ml", "action.y*ml", "renovate.json*", ".renovaterc*",
            // Editors and what they open.
            ".vscode", ".vs", ".idea", ".run", "*.code-workspace", ".devcontainer", ".devcontainer.json", ".zed", ".fleet", ".nvim.lua", ".nvimrc", ".vimrc", ".exrc", ".lvimrc", ".gdbinit", ".lldbinit", ".pdbrc", ".irbrc", ".Rprofile", ".dir-locals.el", "*.sublime-project",
            // Agents and their tools.
            "AGENTS.md", "AGENTS.override.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", ".cursorrules", ".cursorignore", ".windsurfrules", ".clinerules", ".roorules", "*.instructions.md", "copilot-instructions.md",
            "WARP.md", ".rules", ".goosehints", "*.prompt.md", "*.chatmode.md", "opencode.json*", ".opencode", ".junie", ".trae",
            ".mcp.json", "mcp.json", ".claude", ".cursor", ".codex", ".gemini", ".windsurf", ".continue", ".aider*", ".roo", ".kiro",
            // Make and its kin.
            "Makefile", "Makefile.*", "GNUmakefile", "*.mk", "CMakeLists.txt", "*.cmake", "CMakePresets.json", "CMakeUserPresets.json", "meson.build", "*.ninja", "justfile", ".justfile", "Taskfile*.y*ml",
            "SConstruct", "BUILD", "BUILD.bazel", "Tiltfile", "wscript", "WORKSPACE", "WORKSPACE.bazel", "MODULE.bazel", "*.bzl", ".bazelrc", "Earthfile",
            // Node.
            "package.json", ".npmrc", ".yarnrc*", ".yarn", ".pnp.*", ".pnpmfile.*js", ".mocharc.*", "lerna.json", "pnpm-workspace.yaml", "binding.gyp", "Gruntfile*", "Gulpfile*", "*.config.js", "*.config.cjs", "*.config.mjs", "*.config.ts",
            "*.config.mts", "*.config.cts", ".*rc.js", ".*rc.cjs", ".*rc.mjs", "deno.json*", "bunfig.toml", "tsconfig.json", "tsconfig.*.json", "jsconfig.json", "turbo.json", "nx.json",
            // Python.
            "setup.py", "setup.cfg", "pyproject.toml", "conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "tox.ini", "noxfile.py", "pytest.ini", "pylintrc", ".pylintrc", "mypy.ini", ".mypy.ini", ".flake8", ".coveragerc", "tasks.py", "pip.conf",
            // Other languages.
            "build.rs", "Cargo.toml", ".cargo", "rust-toolchain*", "*.gradle", "*.gradle.kts", "gradlew*", "gradle.properties", "gradle", "pom.xml", "mvnw*", ".mvn", "build.xml", "build.sbt", "Rakefile", "rakefile.rb", "Guardfile", ".rspec", "phpunit.xml*", "Gemfile",
            "*.gemspec", "composer.json", "mix.exs", "Package.swift", "Podfile", "go.work", "magefile.go",
            // Shells and environments.
            "*.ps1", "*.psm1", "*.psd1", "*.bat", "*.cmd", ".envrc", ".env", ".tool-versions", ".mise.toml", "mise.toml", "mise.*.toml", ".mise.*.toml", ".mise", ".bashrc", ".bash_profile", ".profile", ".zshrc", ".zshenv", ".zprofile", ".autoenv*", "flake.nix", "shell.nix", "default.nix",
            "Dockerfile*", "Containerfile*", "docker-compose*.y*ml", "compose*.y*ml", "Vagrantfile", "Procfile", "autorun.inf", "desktop.ini", "*.desktop",
        ],
        isLoose: true);

    /// <summary>Whether a file of that path below the workspace is one of them.</summary>
    /// <param name="path">With forward slashes.</param>
    /// <param name="isThere">Whether a file is there by any of its names, in the workspace or among the changes.</param>
    public static bool Contain(string path, Predicate<string> isThere)
    {
        string folder = path[..(path.LastIndexOf('/') + 1)], name = path[folder.Length..], plain = NameFolding.Fold(name);
        // Any folder with these two may become a repository to git, and its configuration names programs. A name that only looks like that of ignored files' patterns is one somewhere.
        return Files.Covers(path)
            || (plain is "CONFIG" && isThere(folder + "HEAD"))
            || (plain is "HEAD" && isThere(folder + "CONFIG"))
            || (name != Patterns && PatternNames.Covers(name));
    }

    /// <summary>Whether a path is a folder's that one of them could be in by the folder's name: a link there would make others of them.</summary>
    public static bool LeadsTo(string path) => Files.LeadsTo(path);
}
